"""From a list of accounts and a source to one file for each account."""
