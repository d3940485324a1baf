"""Which leads, and when, made the model say so: one ECG at a time, and over a data set."""

from leadlens.explain.lime import Attribution, explain, explain_window
from leadlens.explain.settings import ExplainSettings

__all__ = ["Attribution", "ExplainSettings", "explain", "explain_window"]
