"""The ways to make a model, one module each; :mod:`core.training.methods` chooses among them."""

NAMES = {
    "majority": "majority",
    "tfidf": "TF-IDF",
    "frozen": "frozen encoder",
    "finetuned": "published",
    "combined": "best",
}
"""Method as ``training.json`` has it -> what people read: the same on pages, in cards and on the command line."""
