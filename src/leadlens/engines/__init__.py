"""Engines map a function over items, on processes or a Ray cluster; they know nothing of ECGs."""
