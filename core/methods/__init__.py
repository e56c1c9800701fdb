"""The ways to make a model, one module each; :mod:`core.methods.fitting` chooses among them."""
