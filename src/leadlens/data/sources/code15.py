"""CODE-15% as published (Zenodo 4916206): `exams.csv` beside `exams_part*.hdf5`.

A part holds `exam_id` (n,) and `tracings` (n, 4096, 12) at 400 Hz: I, II, III, aVR, aVL, aVF, V1 to
V6, with zeros before and after shorter exams. No unit is published, and the authors' "scale 1e-4 V,
multiply volts by 1000" contradicts itself, so amplitudes are `relative`. Six diagnoses were
annotated; all others are unknown. A folder of single exams as `.mat` beside `meta.csv` is read too.
"""

from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np
from jaxtyping import Float32

from leadlens.data.sources.tables import read_table, whole_number
from leadlens.ecg.diagnoses import diagnosis, scored_codes
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording, Sex
from leadlens.errors import ReadError, SignalError, StoreError, require_extra
from leadlens.files import hash_text
from leadlens.io.header import age_from
from leadlens.io.matlab import read_matlab, twelve_leads

FS: Final = 400.0
TABLES: Final = ("exams.csv", "meta.csv")
_LABELS: Final = {"1dAVb": "IAVB", "RBBB": "RBBB", "LBBB": "LBBB", "SB": "SB", "ST": "STach",
                  "AF": "AF"}  # fmt: skip
_UNREADABLE: Final = (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError,
                      ArithmeticError, MemoryError)  # fmt: skip
"""What h5py raises for damaged files, undocumented."""
_TRUTHS: Final = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


@dataclass(frozen=True)
class Exam:
    """One exam: its file below the root, its row there (None in a `.mat`), what is known of it."""

    exam_id: str
    file: str
    row: int | None
    patient: str | None
    age: float | None
    sex: Sex | None
    codes: tuple[str, ...]
    not_annotated: tuple[str, ...]


@dataclass(frozen=True)
class Code15Source:
    """The exams of CODE-15% whose tracings are there."""

    root: Path
    exams: tuple[Exam, ...] = field(repr=False)
    n_left_out: int = 0

    @classmethod
    def find(cls, root: Path) -> "Code15Source":
        """Return the exams below `root`, in the order of their parts.

        Raises:
            ReadError: the table or a part cannot be understood.
            StoreError: no exam of the table has a tracing here.
            MissingExtraError: h5py is not installed.
        """
        table = table_of(root) or root / TABLES[0]
        rows: dict[int, dict[str, str]] = {}
        columns = ("exam_id", "age", "is_male", "patient_id", *_LABELS)
        for number, row in read_table(table, columns):
            exam_id = whole_number(row["exam_id"])
            # The published parts are filled up with rows of exam_id 0.
            if exam_id and rows.setdefault(exam_id, row) != row:
                raise ReadError(f"{table}, line {number}: a second, other row of exam {exam_id}")
        places = _tracings(root, rows)
        exams = tuple(
            _exam(str(exam_id), rows[exam_id], place, table) for exam_id, place in places.items()
        )
        if not exams:
            raise StoreError(
                f"{root}: none of the {len(rows)} exams in {table.name} has its tracing here: "
                "unzip exams_part*.zip beside it"
            )
        return cls(root, exams, len(rows) - len(exams))

    def __len__(self) -> int:
        """Return the number of exams whose tracings are there."""
        return len(self.exams)

    @property
    def notes(self) -> tuple[str, ...]:
        """How many exams were left out."""
        if not self.n_left_out:
            return ()
        n_rows = self.n_left_out + len(self)
        return (f"{self.root}: {self.n_left_out} of the {n_rows} exams have no tracing here",)

    def key(self, position: int) -> tuple[str, str]:
        """Return the source and the exam's number."""
        return "code-15", self.exams[position].exam_id

    def name(self, position: int) -> str:
        """Return the exam's file and number."""
        exam = self.exams[position]
        return f"{self.root.resolve().name}/{exam.file}:{exam.exam_id}"

    def path(self, position: int) -> Path:
        """Return the file with the tracing that was found."""
        return self.root / self.exams[position].file

    def load(self, position: int) -> Recording:
        """Read one exam, without the zeros around it."""
        exam = self.exams[position]
        path = self.path(position)
        signal = _matlab_signal(path) if exam.row is None else _hdf5_signal(path, exam.row)
        recorded = np.flatnonzero((signal != 0).any(axis=0))
        if len(recorded) == 0:
            raise ReadError(f"{path}: exam {exam.exam_id} holds nothing but zeros")
        try:
            return Recording(
                signal=signal[:, recorded[0] : recorded[-1] + 1],
                fs=FS,
                leads=STANDARD_LEADS,
                record_id=exam.exam_id,
                source="code-15",
                age=exam.age,
                sex=exam.sex,
                codes=exam.codes,
                not_annotated=exam.not_annotated,
                patient=exam.patient,
                units="relative",
            )
        except SignalError as error:
            raise ReadError(f"{path}: {error}") from error

    def describe(self) -> dict[str, object]:
        """Return the kind, the root's name, and a hash of what the exams are."""
        return {
            "kind": "code-15",
            "root": self.root.resolve().name,
            "n_exams": len(self),
            "n_left_out": self.n_left_out,
            "sha256": hash_text("\n".join(str(exam) for exam in self.exams)),
        }


def table_of(folder: Path) -> Path | None:
    """Return the table of exams in `folder`, told from others of its name by its first column."""
    for path in (folder / name for name in TABLES):
        if path.is_file():
            with path.open("rb") as file:
                if b"1dAVb" in file.readline():
                    return path
    return None


def _tracings(root: Path, rows: dict[int, dict[str, str]]) -> dict[int, tuple[str, int | None]]:
    """Return for each exam with a tracing its file and its row there, in the files' order."""
    places: dict[int, tuple[str, int | None]] = {}
    parts = sorted(root.glob("*.hdf5"), key=lambda path: (len(path.name), path.name))
    if parts:
        h5py = _h5py(parts[0])
        for part in parts:
            for row, exam_id in enumerate(_exam_ids(h5py, part)):
                if exam_id in rows:
                    places.setdefault(exam_id, (part.name, row))
    for exam_id, line in rows.items():
        file = line.get("save_file", "")
        # A name that leads out of the folder is no file of this data set.
        if file and Path(file).name == file and (root / file).is_file():
            places.setdefault(exam_id, (file, None))
    return places


def _exam_ids(h5py: ModuleType, part: Path) -> list[int]:
    """Return the exam of each tracing in a part."""
    try:
        with h5py.File(part, "r") as file:
            ids = [int(value) for value in file["exam_id"][:]]
            if file["tracings"].shape != (len(ids), *file["tracings"].shape[1:2], 12):
                raise ReadError(
                    f"{part}: tracings of shape {file['tracings'].shape} for {len(ids)} exams: "
                    "(exam, time, 12) is needed"
                )
            return ids
    except _UNREADABLE as error:
        raise ReadError(f"{part} is no part of CODE-15% (exam_id, tracings): {error}") from error


def _hdf5_signal(path: Path, row: int) -> Float32[np.ndarray, "12 time"]:
    """Return one tracing of a part."""
    h5py = _h5py(path)
    try:
        with h5py.File(path, "r") as file:
            tracing = np.asarray(file["tracings"][row], dtype=np.float32)
    except _UNREADABLE as error:
        raise ReadError(f"{path}: tracing {row} cannot be read: {error}") from error
    return np.ascontiguousarray(tracing.T)


def _matlab_signal(path: Path) -> Float32[np.ndarray, "12 time"]:
    """Return the tracing of a `.mat` file: `feats` (12, time) at `curr_sample_rate`."""
    content = read_matlab(path)
    if not np.array_equal(content.get("curr_sample_rate", np.nan), FS):
        raise ReadError(f"{path}: a 'curr_sample_rate' of 400 is needed")
    return twelve_leads(content.get("feats"), "feats", path)


def _h5py(path: Path) -> ModuleType:
    return require_extra("h5py", "formats", f"reading {path} (CODE-15%)")


def _exam(exam_id: str, row: dict[str, str], place: tuple[str, int | None], table: Path) -> Exam:
    """Return one exam, understood; a label that the table leaves empty is unknown."""
    is_given = {diagnosis(name).code: _truth(row, column, exam_id, table)
                for column, name in _LABELS.items()}  # fmt: skip
    is_male = _truth(row, "is_male", exam_id, table)
    patient = whole_number(row["patient_id"])
    return Exam(
        exam_id=exam_id,
        file=place[0],
        row=place[1],
        patient=None if patient is None else str(patient),
        age=age_from(row["age"]),
        sex=None if is_male is None else "male" if is_male else "female",
        codes=tuple(code for code, given in is_given.items() if given),
        not_annotated=tuple(code for code in scored_codes() if is_given.get(code) is None),
    )


def _truth(row: dict[str, str], column: str, exam_id: str, table: Path) -> bool | None:
    """Return the truth in a cell, None where it is empty."""
    text = row[column].strip().lower()
    if text in ("", "nan"):
        return None
    if text not in _TRUTHS:
        raise ReadError(
            f"{table}: {column} of exam {exam_id} is '{row[column]}': True or False is needed"
        )
    return _TRUTHS[text]
