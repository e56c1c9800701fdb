"""Arrays in, figures out: what predictions are worth, and how sure that is."""
