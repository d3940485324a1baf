"""From recordings to checked stores, folds and batches."""
