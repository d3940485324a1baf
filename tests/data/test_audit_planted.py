"""The audit among many: a handful of each fault in 300 recordings, all found, nothing else said."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from test_ingest import ListSource

from leadlens.data.audit import Audit, audit_store
from leadlens.data.folds import FoldFile, FoldSettings, make_folds, save_folds
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.recording import Recording
from leadlens.files import hash_text
from leadlens.simulate import CohortSettings, simulate_cohort

FS = 100.0
EACH = 5
SEED = 2026
Change = Callable[[np.ndarray], np.ndarray]


def arms(signal: np.ndarray) -> np.ndarray:
    swapped = signal[[0, 2, 1, 4, 3, 5, *range(6, 12)]].copy()
    swapped[0] *= -1
    return swapped


CHANGES: dict[str, tuple[set[str], Change]] = {
    "arms": ({"arm leads"}, arms),
    "chest": ({"chest leads"}, lambda s: s[[*range(6), *range(11, 5, -1)]]),
    "reshaped": ({"scrambled"}, lambda s: np.ascontiguousarray(s.T).reshape(s.shape)),
    "reread": ({"scrambled"}, lambda s: s.reshape(s.shape[::-1]).T),
    "small": ({"gain"}, lambda s: s / 4.88),
    "large": ({"gain"}, lambda s: 5.0 * s),
    # Beats of less than a millivolt become nothing at all.
    "tiny": ({"gain", "flat lead"}, lambda s: s / 2000.0),
}
"""Faults that a recording shows by itself, and the kinds any of which it may be found as."""
KINDS = {**{name: kinds for name, (kinds, _) in CHANGES.items()},
         "copy": {"duplicate"}, "patient": {"leakage"}}  # fmt: skip
FOLLOWS = {
    "arms": {"chest leads"},
    "chest": {"arm leads"},
    "reshaped": {"gain"},
    "large": {"beyond 10 mV"},
    "copy": {"leakage"},
}
"""What a fault may bring about besides."""


@pytest.fixture(scope="module")
def planted() -> tuple[list[Recording], dict[str, list[str]], dict[str, int]]:
    """Recordings, the names of those with each fault, and their folds; all drawn by one seed."""
    items = list(simulate_cohort(CohortSettings(n_recordings=300, seed=SEED, fs=FS)))
    rng = np.random.default_rng(SEED)
    order = iter(rng.permutation(len(items)))
    fold = {item.record_id: int(rng.integers(2)) for item in items}
    faulty: dict[str, list[str]] = defaultdict(list)
    for name, (_, change) in CHANGES.items():
        for _ in range(EACH):
            at = int(next(order))
            signal = change(np.array(items[at].signal)).astype(np.float32)
            items[at] = replace(items[at], signal=signal)
            faulty[name].append(items[at].record_id)
    for number in range(EACH):
        item = items[int(next(order))]
        copy = replace(item, record_id=f"copy{number}", patient=f"another{number}")
        items.append(copy)
        fold[copy.record_id] = 1 - fold[item.record_id]
        faulty["copy"] += [item.record_id, copy.record_id]
        one, other = int(next(order)), int(next(order))
        items[other] = replace(items[other], patient=items[one].patient)
        fold[items[other].record_id] = 1 - fold[items[one].record_id]
        faulty["patient"] += [items[one].record_id, items[other].record_id]
    return items, faulty, fold


@pytest.fixture(scope="module")
def found(
    planted: tuple[list[Recording], dict[str, list[str]], dict[str, int]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Audit:
    items, _, fold = planted
    folder = tmp_path_factory.mktemp("planted")
    store = ingest(ListSource(tuple(items)), folder / "store", IngestSettings(fs=FS))
    whole = make_folds(store, (diagnosis("NSR").code,), FoldSettings(k=2))
    assignment = {key: fold[key.split("/")[1]] for key in store.keys}
    text = "\n".join(f"{key} {assignment[key]}" for key in sorted(assignment))
    changes = {"assignment": assignment, "sha256": hash_text(text)}
    path = folder / "folds.json"
    save_folds(FoldFile.model_validate({**whole.model_dump(), **changes}), path)
    return audit_store(store, path)


def kinds_of(found: Audit, record_id: str) -> set[str]:
    return {f.kind for f in found.findings for key in f.records if key.endswith(f"/{record_id}")}


@pytest.mark.parametrize("fault", KINDS)
def test_each_of_a_handful_is_found(
    planted: tuple[list[Recording], dict[str, list[str]], dict[str, int]],
    found: Audit,
    fault: str,
) -> None:
    names = planted[1][fault]
    assert [name for name in names if not KINDS[fault] & kinds_of(found, name)] == []


def test_nothing_is_said_but_what_was_planted_and_what_follows_from_it(
    planted: tuple[list[Recording], dict[str, list[str]], dict[str, int]], found: Audit
) -> None:
    expected = {name: KINDS[fault] | FOLLOWS.get(fault, set())
                for fault, names in planted[1].items() for name in names}  # fmt: skip
    for item in planted[0]:
        assert kinds_of(found, item.record_id) <= expected.get(item.record_id, set())
