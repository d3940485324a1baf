"""Scores of labels and probabilities: pure NumPy, no model, no files."""
