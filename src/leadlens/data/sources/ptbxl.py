"""PTB-XL in its own layout: `ptbxl_database.csv` beside `records100` and `records500`.

`ptbxl_statements.csv` beside this module says which statement becomes which SNOMED CT code, in the
Challenge's way, with the Challenge's number of PTB-XL recordings (of 21,837) and our evidence:
`count`, as many have the statement in PTB-XL; `headers`, seen in the Challenge's headers; `table`,
so in the labels of 265 ECGs derived by others (`records.csv`); `assumed`, by analogy. PVC has the
Challenge's unscored code for ventricular ectopics.
"""

import ast
import csv
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from leadlens.data.sources.tables import read_table_by, whole_number
from leadlens.ecg.recording import Recording, Sex
from leadlens.errors import ReadError, StoreError, choices
from leadlens.files import hash_text
from leadlens.io import read
from leadlens.io.header import age_from

DATABASE: Final = "ptbxl_database.csv"
RATES: Final = (100, 500)
_FILE_COLUMNS: Final = {100: "filename_lr", 500: "filename_hr"}
_COLUMNS: Final = ("patient_id", "age", "sex", "scp_codes", "heart_axis", "strat_fold")
_SEXES: Final[dict[str, Sex]] = {"0": "male", "1": "female"}


@dataclass(frozen=True)
class PtbxlEcg:
    """One row of the database.

    Attributes:
        path: the record below the root, without suffix.
        statements: SCP-ECG statement and its likelihood in percent, 0 where none was given.
        heart_axis: PTB-XL's word for the electrical axis, "" where nobody gave one.
        fold: PTB-XL's own fold, 1 to 10; 9 and 10 were checked by people.
    """

    path: str
    patient: str | None
    age: float | None
    sex: Sex | None
    statements: tuple[tuple[str, float], ...]
    heart_axis: str
    fold: int | None


@dataclass(frozen=True)
class PtbxlSource:
    """The ECGs of PTB-XL whose files are there, at one of its two rates.

    Attributes:
        least_likelihood: statements given with a likelihood below it, in percent, are unknown; the
            Challenge takes all (0).
        is_axis_complete: whether an axis that is not given counts as normal, as in the Challenge;
            else left and right axis deviation are unknown there.
    """

    root: Path
    fs: int
    ecgs: tuple[PtbxlEcg, ...] = field(repr=False)
    n_left_out: int = 0
    least_likelihood: float = 0.0
    is_axis_complete: bool = False

    @classmethod
    def find(
        cls, root: Path, fs: int | None = None, is_axis_complete: bool = False
    ) -> "PtbxlSource":
        """Return the ECGs below `root` at `fs` Hz; by default at the rate of which more are there.

        With as many at both, 500 Hz.

        Raises:
            ReadError: the database cannot be understood.
            StoreError: there is no file at this rate.
        """
        if fs is not None and fs not in RATES:
            raise choices("rate of PTB-XL", fs, RATES)
        table = read_table_by("ecg_id", root / DATABASE, (*_COLUMNS, *_FILE_COLUMNS.values()))
        rows = list(table.values())
        there = {
            rate: [row for row in rows if (root / (row[_FILE_COLUMNS[rate]] + ".hea")).exists()]
            for rate in ((fs,) if fs else RATES)
        }
        rate = max(there, key=lambda rate: (len(there[rate]), rate))
        if there[rate]:
            ecgs = tuple(_ecg(row, _FILE_COLUMNS[rate], root / DATABASE) for row in there[rate])
            n_left_out = len(rows) - len(ecgs)
            return cls(root, rate, ecgs, n_left_out, is_axis_complete=is_axis_complete)
        folders = " and ".join(f"records{rate}" for rate in ((fs,) if fs else RATES))
        raise StoreError(
            f"{root}: no file of the {len(rows)} ECGs in {DATABASE} lies in {folders}: "
            "download these folders, or choose the other rate"
        )

    def __len__(self) -> int:
        """Return the number of ECGs whose files are there."""
        return len(self.ecgs)

    @property
    def notes(self) -> tuple[str, ...]:
        """How many ECGs were left out."""
        if not self.n_left_out:
            return ()
        n_rows = self.n_left_out + len(self)
        return (
            f"{self.root}: {self.n_left_out} of the {n_rows} ECGs in {DATABASE} have no file in "
            f"records{self.fs} and are left out",
        )

    def key(self, position: int) -> tuple[str, str]:
        """Return the source and the record id of an ECG."""
        return "ptb-xl", Path(self.ecgs[position].path).name

    def name(self, position: int) -> str:
        """Return the record's path, from the root's name on."""
        return f"{self.root.resolve().name}/{self.ecgs[position].path}"

    def path(self, position: int) -> Path:
        """Return the header that was found."""
        return self.root / (self.ecgs[position].path + ".hea")

    def load(self, position: int) -> Recording:
        """Read one ECG."""
        ecg = self.ecgs[position]
        recording = read(self.path(position), "ptb-xl")
        codes, unknown = labels_of(ecg, self.least_likelihood)
        if not ecg.heart_axis and not self.is_axis_complete:
            unknown = (*unknown, *axis_codes())
        return replace(
            recording,
            age=ecg.age,
            sex=ecg.sex,
            codes=codes,
            not_annotated=tuple(dict.fromkeys((*recording.not_annotated, *unknown))),
            patient=ecg.patient,
            fold=ecg.fold,
        )

    def describe(self) -> dict[str, object]:
        """Return the kind, the root's name, the choices made, and a hash of what the ECGs are."""
        return {
            "kind": "ptb-xl",
            "root": self.root.resolve().name,
            "fs": self.fs,
            "n_ecgs": len(self),
            "n_left_out": self.n_left_out,
            "least_likelihood": self.least_likelihood,
            "is_axis_complete": self.is_axis_complete,
            "sha256": hash_text("\n".join(str(ecg) for ecg in self.ecgs)),
        }


def labels_of(ecg: PtbxlEcg, least_likelihood: float = 0.0) -> tuple[tuple[str, ...], ...]:
    """Return the codes of an ECG, and the codes that its statements leave open.

    A likelihood of 0 means that none was given (form and rhythm statements), not that it is small.
    """
    table = statement_codes()
    given = [
        table["scp_codes", statement]
        for statement, likelihood in ecg.statements
        if ("scp_codes", statement) in table and not 0 < likelihood < least_likelihood
    ]
    if ("heart_axis", ecg.heart_axis) in table:
        given.append(table["heart_axis", ecg.heart_axis])
    doubtful = [
        table["scp_codes", statement]
        for statement, likelihood in ecg.statements
        if ("scp_codes", statement) in table and 0 < likelihood < least_likelihood
    ]
    codes = tuple(dict.fromkeys(given))
    return codes, tuple(dict.fromkeys(code for code in doubtful if code not in codes))


@cache
def statement_codes() -> dict[tuple[str, str], str]:
    """Return the SNOMED CT code of each (column, statement) that has one."""
    text = resources.files("leadlens.data.sources").joinpath("ptbxl_statements.csv")
    rows = csv.DictReader(text.read_text(encoding="utf-8").splitlines())
    return {(row["column"], row["statement"]): row["code"] for row in rows}


@cache
def axis_codes() -> tuple[str, ...]:
    """Return the codes of the axis deviations."""
    pairs = statement_codes().items()
    return tuple(dict.fromkeys(code for (column, _), code in pairs if column == "heart_axis"))


def _ecg(row: dict[str, str], file_column: str, path: Path) -> PtbxlEcg:
    """Return one row of the database, understood."""
    try:
        statements = ast.literal_eval(row["scp_codes"])
        pairs = tuple((str(key), float(value)) for key, value in statements.items())
    except (ValueError, SyntaxError, AttributeError, TypeError) as error:
        raise ReadError(
            f"{path}: scp_codes of ecg_id {row['ecg_id']} cannot be understood: "
            f"'{row['scp_codes'][:80]}' is no {{statement: likelihood}}"
        ) from error
    patient = whole_number(row["patient_id"])
    return PtbxlEcg(
        path=row[file_column],
        patient=None if patient is None else str(patient),
        age=age_from(row["age"]),
        sex=_SEXES.get(row["sex"].removesuffix(".0")),
        statements=pairs,
        heart_axis=row["heart_axis"].strip(),
        fold=whole_number(row["strat_fold"]),
    )
