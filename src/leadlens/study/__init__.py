"""The study: a grid of trainings with cross-validation, resumable, that ends in a table."""
