"""What figures are worth: metrics, calibration, prevalence, drift, and splits that keep them honest."""
