"""CPSC 2018 as its challenge gave it: `A0001.mat` (struct ECG) with `REFERENCE.csv`.

500 Hz, mV, twelve leads in standard order. The nine classes become the codes of the Challenge 2021,
which carries the same recordings as `cpsc_2018`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from leadlens.data.sources.folder import check_distinct, paths_below
from leadlens.data.sources.tables import read_table_by, whole_number
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.errors import ReadError, SignalError, StoreError
from leadlens.files import hash_text
from leadlens.io.header import age_from, sex_from
from leadlens.io.matlab import read_matlab, twelve_leads

FS: Final = 500.0
REFERENCE: Final = "REFERENCE.csv"
_LABEL_COLUMNS: Final = ("First_label", "Second_label", "Third_label")
_CLASSES: Final = {
    1: "426783006",  # normal: NSR
    2: "164889003",  # AF
    3: "270492004",  # IAVB
    4: "164909002",  # LBBB
    5: "59118001",  # RBBB
    6: "284470004",  # PAC
    7: "164884008",  # PVC: the Challenge's code for ventricular ectopics, which it does not score
    8: "429622005",  # ST depression, not scored
    9: "164931005",  # ST elevation, not scored
}


@dataclass(frozen=True)
class CpscSource:
    """Every struct file below a folder; those that `REFERENCE.csv` does not name have no labels."""

    root: Path
    files: tuple[str, ...] = field(repr=False)
    codes: dict[str, tuple[str, ...]] = field(repr=False)

    @classmethod
    def find(cls, root: Path) -> "CpscSource":
        """Return the files below `root`, in the order of their paths.

        Raises:
            StoreError: there is no `.mat` file.
            ReadError: a reference table cannot be understood.
        """
        files = tuple(paths_below(root, ".mat"))
        if not files:
            raise StoreError(f"no .mat file below {root}")
        codes: dict[str, tuple[str, ...]] = {}
        for table in sorted(root.rglob(REFERENCE)):
            for name, row in read_table_by("Recording", table, _LABEL_COLUMNS).items():
                given = _codes(row, table)
                if codes.setdefault(name, given) != given:
                    raise ReadError(f"{table}: '{name}' has other labels in another {REFERENCE}")
        check_distinct([("cpsc_2018", Path(file).stem) for file in files])
        return cls(root, files, codes)

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.files)

    @property
    def notes(self) -> tuple[str, ...]:
        """How many files have no labels."""
        n_unlabelled = sum(Path(file).stem not in self.codes for file in self.files)
        if not n_unlabelled:
            return ()
        return (
            f"{self.root}: {n_unlabelled} of {len(self)} recordings are in no {REFERENCE}: "
            "their labels are unknown",
        )

    def key(self, position: int) -> tuple[str, str]:
        """Return the source and the file's name without suffix."""
        return "cpsc_2018", Path(self.files[position]).stem

    def name(self, position: int) -> str:
        """Return the file's path, from the root's name on."""
        return f"{self.root.resolve().name}/{self.files[position]}"

    def path(self, position: int) -> Path:
        """Return the file that was found."""
        return self.root / self.files[position]

    def load(self, position: int) -> Recording:
        """Read one recording."""
        path = self.path(position)
        ecg = read_matlab(path).get("ECG")
        if not isinstance(ecg, dict) or "data" not in ecg:
            raise ReadError(f"{path}: a struct 'ECG' with sex, age and data (12, time) is needed")
        try:
            return Recording(
                signal=twelve_leads(ecg["data"], "ECG.data", path),
                fs=FS,
                leads=STANDARD_LEADS,
                record_id=path.stem,
                source="cpsc_2018",
                age=age_from(str(ecg.get("age", ""))),
                sex=sex_from(str(ecg.get("sex", ""))),
                codes=self.codes.get(path.stem),
            )
        except SignalError as error:
            raise ReadError(f"{path}: {error}") from error

    def describe(self) -> dict[str, object]:
        """Return the kind, the root's name, and a hash of names and labels."""
        lines = [f"{file} {self.codes.get(Path(file).stem)}" for file in self.files]
        return {
            "kind": "cpsc-2018",
            "root": self.root.resolve().name,
            "n_files": len(self),
            "sha256": hash_text("\n".join(lines)),
        }


def _codes(row: dict[str, str], table: Path) -> tuple[str, ...]:
    """Return the codes of one recording's one to three classes."""
    given = [row[column].strip() for column in _LABEL_COLUMNS]
    numbers = [whole_number(text) for text in given if text not in ("", "NaN")]
    codes = [_CLASSES.get(number or 0) for number in numbers]
    known = [code for code in codes if code]
    if len(known) < len(codes) or not known:
        raise ReadError(
            f"{table}: '{row['Recording']}' has the labels {', '.join(given)}: "
            "one to three classes from 1 to 9 are needed"
        )
    return tuple(dict.fromkeys(known))
