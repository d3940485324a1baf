"""Evidence file: what is true of one simulated recording and where it shows, as a `.npz`."""

import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Int16, UInt8

from leadlens.ecg.leads import CHEST_LEADS, INDEPENDENT_LEADS, STANDARD_LEADS
from leadlens.errors import StoreError
from leadlens.files import written_beside
from leadlens.simulate.cohort import Batch
from leadlens.simulate.conditions import codes_of
from leadlens.simulate.devices import DEVICE_NAMES
from leadlens.simulate.evidence import Evidence, Kind, effects, evidence
from leadlens.simulate.heart import Fiducials, fiducials
from leadlens.simulate.torso import twelve_leads

_FORMAT: Final = "leadlens-evidence-2"
_WITHOUT_EFFECTS: Final = "leadlens-evidence-1"
_MICROVOLTS: Final = 1000.0
"""Counts a mV, in which effects are stored: finer than any of the simulator's devices."""
_RECORD: Final = (".hea", ".mat", ".dat")
_DAMAGE: Final = (
    OSError, ValueError, TypeError, KeyError, EOFError, AttributeError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
"""What numpy raises for a file that is no archive of arrays, or not a whole one."""

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class StoredEvidence:
    """The evidence of one recording, as read from its file.

    Attributes:
        record_id: the recording's name.
        fs: sampling rate, Hz.
        n_samples: samples in each lead.
        evidence: of every diagnosis that the recording has; differences to 1/255.
        effects: of the same, by abbreviation: with - without, mV on STANDARD_LEADS, to 1 uV; none
            in files of format 1.
        fiducials: of every beat that begins within the recording, s.
        criteria: SNOMED CT codes of all that is true, whatever the cohort's labels say.
        borderline: abbreviations whose criterion is met or missed by a narrow margin.
        device: the source whose electrocardiograph it is.
        fault: one of the simulator's FAULTS, "none" without one.
        lead_off: the chest lead that recorded nothing, or None.
    """

    record_id: str
    fs: float
    n_samples: int
    evidence: tuple[Evidence, ...]
    effects: dict[str, Float32[Array, "12 time"]]
    fiducials: Fiducials
    criteria: tuple[str, ...]
    borderline: tuple[str, ...]
    device: str
    fault: str
    lead_off: str | None


def write_evidence(batch: Batch, row: int, path: Path) -> None:
    """Write the evidence of recording `row` of the batch to `path`, a compressed `.npz`.

    Arrays: `diagnosis`, `kinds` (d,) text; `difference` (d, 12, time) uint8, 255 standing for
    `scale` (d,) mV; `mask`, `rule`, `secondary` (d, 12, time / 8) with eight samples a byte
    (`np.packbits`); `effect` (d, 8, time) int16, with - without in uV on INDEPENDENT_LEADS, each
    sample less the one before; `beat_kind` and the times of each beat in s, as in `Fiducials`; and
    the scalars and lists of `StoredEvidence`.
    """
    found, times = evidence(batch, row), fiducials(batch.programme, row)
    changes = effects(batch, row, [item.diagnosis for item in found])
    settings, devices = batch.settings, batch.devices
    n_samples = round(settings.duration * settings.fs)
    shape = (len(found), 12, n_samples)
    difference = np.array([item.difference for item in found], dtype=np.float64).reshape(shape)
    lead_off = int(devices.lead_off[row])
    is_ectopic = bool(batch.programme.plan.has("EAR")[row])
    arrays = {
        "format": np.array(_FORMAT),
        "record_id": np.array(record_name(int(batch.index[row]))),
        "fs": np.array(settings.fs),
        "n_samples": np.array(n_samples),
        "device": np.array(DEVICE_NAMES[int(devices.device[row])]),
        "fault": np.array(devices.fault_name(row)),
        "lead_off": np.array(CHEST_LEADS[lead_off] if lead_off >= 0 else ""),
        "criteria": np.array(codes_of(set(batch.truth.names[row]), is_ectopic=is_ectopic), str),
        "borderline": np.array(sorted(batch.truth.borderline[row]), dtype=str),
        "diagnosis": np.array([item.diagnosis for item in found], dtype=str),
        "kinds": np.array([" ".join(item.kinds) for item in found], dtype=str),
        "scale": np.array([item.scale for item in found], dtype=np.float64),
        "difference": np.round(255.0 * difference).astype(np.uint8),
        **{
            part: _packed([getattr(item, part) for item in found], shape)
            for part in ("mask", "rule", "secondary")
        },
        "effect": _steps(np.array(list(changes.values()), dtype=np.float32).reshape(shape)),
        **{_column(item.name): getattr(times, item.name) for item in fields(Fiducials)},
    }
    with written_beside(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_evidence(path: str | Path) -> StoredEvidence:
    """Return the evidence that `write_evidence` wrote to `path`.

    Raises:
        StoreError: the file is missing, damaged, or something else.
    """
    try:
        # Opened here, as numpy leaves what is no archive open; `with` refuses a lone array.
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if str(arrays["format"]) not in (_FORMAT, _WITHOUT_EFFECTS):
            raise ValueError(f"its format is {str(arrays['format'])!r}, not {_FORMAT!r}")
        return _stored(arrays)
    except _DAMAGE as error:
        reason = getattr(error, "strerror", None) or error
        if "allow_pickle" in str(reason):
            reason = "it is no archive of arrays"
        raise StoreError(
            f"{path} cannot be read as evidence ({reason}): give a .npz made by "
            "'leadlens simulate --evidence', or delete it and run that command again"
        ) from error


def evidence_beside(record: Path) -> Path:
    """Return where the evidence of a record lies: `--evidence` writes it beside.

    Args:
        record: the header, the signal file, or the name that both share.
    """
    name = record.stem if record.suffix.lower() in _RECORD else record.name
    return record.with_name(f"{name}.npz")


def record_name(index: int) -> str:
    """Return the name of a recording, as the cohort calls it."""
    return f"SIM{index:06d}"


def _column(name: str) -> str:
    """Return what a field of Fiducials is called in a file."""
    return "beat_kind" if name == "kind" else name


def _packed(
    masks: list[Bool[Array, "12 time"]], shape: tuple[int, int, int]
) -> UInt8[Array, "diagnosis 12 byte"]:
    """Return masks with eight samples a byte."""
    return np.packbits(np.array(masks, dtype=bool).reshape(shape), axis=2)


def _steps(
    effects: Float32[Array, "diagnosis 12 time"],
) -> Int16[Array, "diagnosis 8 time"]:
    """Return each sample less the one before, in uV on the independent leads.

    At 500 Hz, compressed steps take 40 % less room than compressed samples.
    """
    rows = [STANDARD_LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    counts = np.round(_MICROVOLTS * effects[:, rows]).astype(np.int16)
    return np.diff(counts, axis=2, prepend=np.int16(0))


def _effects(arrays: dict[str, Array]) -> dict[str, Float32[Array, "12 time"]]:
    """Return what `_steps` was made from, by diagnosis; none in files of format 1."""
    if str(arrays["format"]) == _WITHOUT_EFFECTS:
        return {}
    counts = np.cumsum(arrays["effect"], axis=2, dtype=np.int16)
    independent = (counts / _MICROVOLTS).astype(np.float32)
    names = arrays["diagnosis"].tolist()
    return {name: twelve_leads(each) for name, each in zip(names, independent, strict=True)}


def _stored(arrays: dict[str, Array]) -> StoredEvidence:
    """Return the arrays of a file as evidence; raises KeyError or ValueError for damage."""
    n = int(arrays["n_samples"])
    masks = {
        part: np.unpackbits(arrays[part], axis=2, count=n).astype(bool)
        for part in ("mask", "rule", "secondary")
    }
    difference = (arrays["difference"] / 255.0).astype(np.float16)
    found = []
    for row, name in enumerate(arrays["diagnosis"].tolist()):
        kinds: tuple[Kind, ...] = tuple(arrays["kinds"][row].split())
        parts = {part: mask[row] for part, mask in masks.items()}
        scale = float(arrays["scale"][row])
        found.append(Evidence(name, kinds, difference[row], scale, **parts))
    return StoredEvidence(
        record_id=str(arrays["record_id"]),
        fs=float(arrays["fs"]),
        n_samples=n,
        evidence=tuple(found),
        effects=_effects(arrays),
        fiducials=Fiducials(**{f.name: arrays[_column(f.name)] for f in fields(Fiducials)}),
        criteria=tuple(arrays["criteria"].tolist()),
        borderline=tuple(arrays["borderline"].tolist()),
        device=str(arrays["device"]),
        fault=str(arrays["fault"]),
        lead_off=str(arrays["lead_off"]) or None,
    )
