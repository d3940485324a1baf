"""What people look at: ECG paper, maps, curves, and one self-contained HTML file."""
