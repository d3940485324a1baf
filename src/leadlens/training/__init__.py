"""Training: a loop that can be read from top to bottom, and resumed."""
