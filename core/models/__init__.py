"""A model as a folder, and the kinds of model that can be in it."""
