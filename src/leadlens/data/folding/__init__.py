"""The parts of a fold file: settings, groups, ways to deal, counts."""
