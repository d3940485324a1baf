"""Audit: what is wrong with a data set, found in its store before anything is trained on it."""

from leadlens.data.audit.audit import Audit, audit_store
from leadlens.data.audit.finding import KINDS, Finding

__all__ = ["KINDS", "Audit", "Finding", "audit_store"]
