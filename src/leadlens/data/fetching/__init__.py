"""Fetching public data sets: whole or absent, resumed, checked."""
