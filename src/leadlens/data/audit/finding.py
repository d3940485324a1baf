"""Finding: one thing that is wrong, with the recordings it is wrong in, and a sentence."""

from dataclasses import dataclass, field
from typing import Final, Literal

from leadlens.errors import choices

Severity = Literal["error", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note")


@dataclass(frozen=True)
class Kind:
    """A kind of finding: its heading, and what it means with what to do."""

    title: str
    meaning: str


KINDS: Final[dict[str, Kind]] = {
    "duplicate": Kind(
        "Duplicates",
        "The same waveform under several names. Folds made by leadlens keep them together; they "
        "count double all the same: leave all but one out.",
    ),
    "near-duplicate": Kind(
        "Near-duplicates",
        "The same waveform, filtered, scaled or resampled, under several names. Where no group "
        "names them, a split will put them on both sides: leave one out.",
    ),
    "leakage": Kind(
        "Leakage",
        "The same patient or waveform in several folds: the test fold is not unseen. Make the "
        "folds anew with the method 'stratified'.",
    ),
    "gain": Kind(
        "Wrong gain",
        "Amplitudes that no heart gives, or that differ between copies: compare the gain in the "
        "files' headers with the data set's documentation.",
    ),
    "flat lead": Kind(
        "Flat leads",
        "A lead that is constant, wholly or for seconds: it was off. Set it to missing.",
    ),
    "missing lead": Kind(
        "Missing leads", "A lead without one recorded sample. Models see it as masked."
    ),
    "clipped": Kind(
        "Clipped signals",
        "Beats that end at one and the same value, or beyond what a store can hold: the tops are "
        "lost, and voltages are too low.",
    ),
    "beyond 10 mV": Kind(
        "Samples beyond 10 mV",
        "No heart gives 10 mV at the skin: spikes, steps, or a wrong gain.",
    ),
    "arm leads": Kind(
        "Limb electrodes exchanged",
        "Lead I (and II) runs against what V1 to V6 usually say of it, and no longer does once two "
        "limb electrodes are put back: left and right arm were probably exchanged (or the heart "
        "lies to the right). Look at the ECG: with paced beats it is less sure.",
    ),
    "chest leads": Kind(
        "Chest leads reversed",
        "V1 looks like lead I and V6 does not: V1 to V6 are probably in the wrong order.",
    ),
    "limb leads": Kind(
        "Limb-lead equations",
        "Leads I to aVF are differences of three electrodes, so two give the other four. Here "
        "they do not: a lead is in the wrong place, upside down or filtered on its own.",
    ),
    "scrambled": Kind(
        "Scrambled axes",
        "Leads interleaved in time, as by a reshape in place of a transpose. Read the file anew.",
    ),
    "label counts": Kind(
        "Labels against the published table",
        "A diagnosis is there that the source never gave, or more or less often than published.",
    ),
    "rhythms": Kind(
        "Rhythms that exclude each other",
        "Two rhythms that one heart cannot have at the same time, given to one recording.",
    ),
    "not annotated": Kind(
        "Not annotated", "Recordings that carry no label at all: losses and scores skip them."
    ),
}
"""Kinds of findings in the order in which they are told."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: one of KINDS.
        severity: "error" (figures will be wrong), "warning" (look at it), "note" (know it).
        records: keys of the recordings, source/record_id.
        sentence: what is wrong, in words, with the value.
        values: the figures behind it.
        leads: the leads concerned, if some are.
        rank: how bad it is among its kind; pictures show the largest.
    """

    kind: str
    severity: Severity
    records: tuple[str, ...]
    sentence: str
    values: dict[str, float] = field(default_factory=dict)
    leads: tuple[str, ...] = ()
    rank: float = 0.0

    def __post_init__(self) -> None:
        """Check the kind."""
        if self.kind not in KINDS:
            raise choices("kind of finding", self.kind, KINDS)


def in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return findings by kind, then severity, the worst first."""
    kinds = list(KINDS)
    return tuple(
        sorted(
            findings,
            key=lambda f: (kinds.index(f.kind), SEVERITIES.index(f.severity), -f.rank, f.records),
        )
    )


def few(names: tuple[str, ...] | list[str], most: int = 4) -> str:
    """Return names in words, the first few of many."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
