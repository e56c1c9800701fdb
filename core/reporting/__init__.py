"""Figures, charts and texts for the pages and for reports."""
