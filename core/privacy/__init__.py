"""The people in the data and those at the dashboard: roles, pseudonyms, what leaves, what was done."""
