"""The study as a whole: remove accounts, disk space, the sample, a diagnostic file."""
