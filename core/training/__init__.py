"""From labelled accounts to a model folder."""
