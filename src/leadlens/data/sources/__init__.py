"""Where recordings come from: files in the layouts of the public data sets, or the simulator."""

from leadlens.data.sources.code15 import Code15Source
from leadlens.data.sources.cohort import CohortSource, CohortsSource
from leadlens.data.sources.cpsc import CpscSource
from leadlens.data.sources.find import SOURCE_NAMES, SeveralSources, find_sources, kind_of
from leadlens.data.sources.folder import FolderSource, Header
from leadlens.data.sources.known import never_annotated, with_unknowns
from leadlens.data.sources.labelled import LabelledSource
from leadlens.data.sources.ludb import LudbSource
from leadlens.data.sources.names import (
    CHALLENGE_SOURCES,
    citations,
    is_ptbxl,
    ptbxl_ecg_id,
    source_of,
)
from leadlens.data.sources.protocol import FileSource, RecordingSource
from leadlens.data.sources.ptbxl import PtbxlSource

__all__ = [
    "CHALLENGE_SOURCES",
    "SOURCE_NAMES",
    "Code15Source",
    "CohortSource",
    "CohortsSource",
    "CpscSource",
    "FileSource",
    "FolderSource",
    "Header",
    "LabelledSource",
    "LudbSource",
    "PtbxlSource",
    "RecordingSource",
    "SeveralSources",
    "citations",
    "find_sources",
    "is_ptbxl",
    "kind_of",
    "never_annotated",
    "ptbxl_ecg_id",
    "source_of",
    "with_unknowns",
]
