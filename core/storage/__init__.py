"""The files of a study that people and programs read: accounts, lists, labels, predictions."""
