"""Which leads, and when, made the model say so: one ECG at a time, and over a data set."""
