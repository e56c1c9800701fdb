"""Work in the background: how it reports, how it is started, found again and stopped."""
