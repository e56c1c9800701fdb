"""From a folder of accounts and a model to predictions, and their reasons."""
