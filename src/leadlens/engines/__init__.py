"""Engines map a function over items, on processes; they know nothing of ECGs."""
