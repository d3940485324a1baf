"""Export: a simulated cohort as files, each whole or absent.

    SIM000000.hea, .mat   a recording, in the form of the PhysioNet/CinC Challenge 2021
    SIM000000.npz         its evidence (`read_evidence`), written before the header
    RECORDS               the records' names, one a line, where there are any
    simulation.json       settings, version and counts: written last

While `simulation.begun.json` is there, the folder is unfinished: the same call goes on.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

import leadlens
from leadlens.ecg.diagnoses import diagnoses
from leadlens.engines.engine import Engine
from leadlens.engines.local import ONE_PROCESS
from leadlens.errors import StoreError
from leadlens.files import (
    await_file,
    check_here,
    is_partial,
    is_passing,
    only_writer,
    read_json,
    write_json,
    write_text,
)
from leadlens.io import write_wfdb
from leadlens.io.header import codes_of
from leadlens.io.wfdb import read_header
from leadlens.settings import differences
from leadlens.simulate.cohort import Batch, CohortSettings, programme_batch, recording_of
from leadlens.simulate.evidence_file import (
    StoredEvidence,
    read_evidence,
    record_name,
    write_evidence,
)

__all__ = [
    "Exported",
    "StoredEvidence",
    "export_evidence",
    "export_wfdb",
    "read_evidence",
    "write_evidence",
]

PART_SIZE: Final = 128
"""Recordings that one worker programmes together."""

MANIFEST: Final = "simulation.json"
INDEX: Final = "RECORDS"
_BEGUN: Final = "simulation.begun.json"
_WFDB: Final = (".mat", ".hea")
_EVIDENCE: Final = (".npz",)
_MICROVOLTS: Final = 1000.0
"""Counts a mV: what a signal without noise, which has no converter's steps, is rounded to."""

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Exported:
    """What a folder holds after an export.

    Attributes:
        folder: where.
        n_recordings: WFDB records; n_evidence: files of evidence.
    """

    folder: Path
    n_recordings: int
    n_evidence: int

    @property
    def index(self) -> Path:
        """The file that lists the WFDB records."""
        return self.folder / INDEX

    @property
    def manifest(self) -> Path:
        """The file that holds the settings and counts."""
        return self.folder / MANIFEST


def export_wfdb(
    settings: CohortSettings,
    folder: Path,
    *,
    with_evidence: bool = False,
    engine: Engine = ONE_PROCESS,
    on_progress: OnProgress | None = None,
) -> Exported:
    """Write the cohort to `folder` as WFDB records, on request with their evidence beside them.

    Counts are the device's own: 1000 a mV, or 1/step for other steps; 1000 where there is no
    noise and so no converter. The same call after a kill goes on, and a finished folder stays as
    it is; one without evidence is given it. The files are the same byte for byte however often
    it was stopped.

    Args:
        settings: of the cohort.
        folder: new, empty, or begun with the same settings.
        with_evidence: also write `<record>.npz`.
        engine: what writes the parts (default: this process).
        on_progress: called with the recordings that are done and their number.

    Raises:
        StoreError: `folder` holds other files, or those of other settings, or another run is
            writing into it.
    """
    wanted = (*_EVIDENCE, *_WFDB) if with_evidence else _WFDB
    return _export(settings, folder, wanted, engine, on_progress)


def export_evidence(
    settings: CohortSettings,
    folder: Path,
    engine: Engine = ONE_PROCESS,
    on_progress: OnProgress | None = None,
) -> Exported:
    """Write the evidence of every recording of the cohort to `folder`, without the recordings.

    For use beside a store, in its folder `evidence`; else as `export_wfdb`.

    Raises:
        StoreError: `folder` holds other files, or those of other settings, or another run is
            writing into it.
    """
    return _export(settings, folder, _EVIDENCE, engine, on_progress)


def _export(
    settings: CohortSettings,
    folder: Path,
    wanted: tuple[str, ...],
    engine: Engine,
    on_progress: OnProgress | None,
) -> Exported:
    """Write the files with the `wanted` suffixes that are missing, then the manifest."""
    names = [record_name(index) for index in range(settings.n_recordings)]
    plan = {"leadlens_version": leadlens.__version__, "settings": settings.model_dump(mode="json")}
    there = _claim(folder, plan, names)
    if _BEGUN in there or MANIFEST not in there or _missing(names, wanted, there):
        with only_writer(folder):
            # Again, now that nobody else writes here.
            there = _claim(folder, plan, names)
            missing = _missing(names, wanted, there)
            if missing or MANIFEST not in there:
                write_json(folder / _BEGUN, plan)
                (folder / MANIFEST).unlink(missing_ok=True)
                _write(settings, folder, wanted, missing, engine, on_progress)
                _finish(folder, names, plan)
            (folder / _BEGUN).unlink(missing_ok=True)
    files = read_json(folder / MANIFEST)["files"]
    return Exported(folder, files["wfdb"], files["evidence"])


def _missing(names: list[str], wanted: tuple[str, ...], there: set[str]) -> list[int]:
    """Return the numbers of the recordings that lack a file."""
    return [index for index, name in enumerate(names) if any(name + s not in there for s in wanted)]


def _write(
    settings: CohortSettings,
    folder: Path,
    wanted: tuple[str, ...],
    missing: list[int],
    engine: Engine,
    on_progress: OnProgress | None,
) -> None:
    """Write the missing files, a part of the recordings at a time."""
    starts = range(0, len(missing), PART_SIZE)
    parts = [tuple(missing[first : first + PART_SIZE]) for first in starts]
    total = settings.n_recordings
    n_done = total - len(missing)
    if on_progress:
        on_progress(n_done, total)
    for position, _ in engine.map_items(partial(_write_part, settings, folder, wanted), parts):
        for index in parts[position]:
            for suffix in wanted:
                await_file(folder / (record_name(index) + suffix))
        n_done += len(parts[position])
        if on_progress:
            on_progress(n_done, total)


def _claim(folder: Path, plan: dict[str, Any], names: list[str]) -> set[str]:
    """Return the names of the files in `folder`, after checking that they belong to the plan."""
    if not folder.exists():
        return set()
    if not folder.is_dir():
        raise StoreError(f"{folder} is a file: choose another folder")
    there = {path.name for path in folder.iterdir() if not is_passing(path)}
    begun = [name for name in (_BEGUN, MANIFEST) if name in there]
    if there and not begun:
        raise StoreError(
            f"{folder} holds other files ({min(there)}): choose a new or an empty folder"
        )
    if begun:
        _check_plan(folder, read_json(folder / begun[0]), plan)
    records = {name + suffix for name in names for suffix in (*_WFDB, *_EVIDENCE)}
    foreign = {name for name in there if name.endswith((*_WFDB, *_EVIDENCE))} - records
    if foreign:
        raise StoreError(
            f"{folder / min(foreign)} is none of this cohort's {len(names)} recordings: "
            "move it away, or choose another folder"
        )
    return there


def _check_plan(folder: Path, begun: Any, plan: dict[str, Any]) -> None:
    """Raise a StoreError that names each setting in which the folder differs from the plan."""
    if not isinstance(begun, dict) or not isinstance(begun.get("settings"), dict):
        raise StoreError(f"{folder / MANIFEST} is no simulation's: choose another folder")
    other = differences(begun.get("leadlens_version"), plan["leadlens_version"], "leadlens")
    other += differences(begun["settings"], plan["settings"])
    if other:
        raise StoreError(
            f"{folder} was made with other settings ({'; '.join(other)}): "
            "choose another folder, or delete this one"
        )


def _write_part(
    settings: CohortSettings, folder: Path, wanted: tuple[str, ...], index: tuple[int, ...]
) -> None:
    """Write the missing files of some recordings; the header of each comes last."""
    check_here(folder)
    batch = programme_batch(settings, np.array(index))
    for row, number in enumerate(index):
        header = folder / f"{record_name(number)}.hea"
        stored = header.with_suffix(".npz")
        if ".npz" in wanted and not stored.exists():
            write_evidence(batch, row, stored)
        if ".hea" in wanted and not (header.exists() and header.with_suffix(".mat").exists()):
            write_wfdb(recording_of(batch, row), folder, _adc_gain(batch, row))


def _adc_gain(batch: Batch, row: int) -> float:
    """Return counts a mV with which every sample of a recording is a whole count."""
    if batch.settings.noise == "none":
        return _MICROVOLTS
    return 1.0 / float(batch.devices.step[row])


def _finish(folder: Path, names: list[str], plan: dict[str, Any]) -> None:
    """Write the index and the manifest, and remove what killed runs left."""
    there = {path.name for path in folder.iterdir()}
    records = [name for name in names if name + ".hea" in there]
    manifest = {"format": "leadlens-simulation-1", **plan}
    manifest["files"] = {
        "wfdb": len(records),
        "evidence": sum(name + ".npz" in there for name in names),
    }
    if records:
        write_text(folder / INDEX, "".join(f"{name}\n" for name in records))
        manifest["diagnoses"] = _counted(folder / f"{name}.hea" for name in records)
    for path in folder.iterdir():
        if is_partial(path):
            path.unlink(missing_ok=True)
    write_json(folder / MANIFEST, manifest)


def _counted(headers: Iterable[Path]) -> dict[str, int]:
    """Return in how many headers each of the 30 diagnoses is, by abbreviation."""
    n_with: Counter[str] = Counter()
    for header in headers:
        n_with.update(codes_of(read_header(header)) or ())
    return {item.abbreviation: n_with[item.code] for item in diagnoses()}
