"""Names of encoders, which load nothing."""

DEFAULT_ENCODER = "bert-base-uncased"
"""The encoder of the commands; it comes from the model hub."""

OFFLINE_ENCODER = "all-MiniLM-L6-v2"
"""The encoder that comes as a PyPI package and needs no model hub."""
