"""The ECG itself: recordings, leads, rates, windows, scales, and the 30 diagnoses."""
