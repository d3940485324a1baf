"""Backgrounds: mean and SD of the network's input over recordings with and without a diagnosis."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leadlens.data.batches import Dataset
from leadlens.data.store import Store
from leadlens.ecg.diagnoses import scored_codes
from leadlens.ecg.leads import LIMB_LEADS, STANDARD_LEADS
from leadlens.ecg.preprocess import Normalisation, apply_scale, scale_of
from leadlens.errors import ConfigError, StoreError
from leadlens.explain.background import Background, load_background, make_background


def dataset(
    store: Store,
    recordings: np.ndarray | None = None,
    leads: tuple[str, ...] = STANDARD_LEADS,
    normalisation: Normalisation = "millivolt",
    n_classes: int = 3,
) -> Dataset:
    """Return a dataset of diagnoses that some recordings have and others have not."""
    chosen = np.arange(len(store.keys)) if recordings is None else recordings
    labels, known = (part[chosen] for part in store.labels(scored_codes()))
    usual = (labels & known).any(axis=0) & (~labels & known).any(axis=0)
    classes = tuple(np.array(scored_codes())[usual][:n_classes].tolist())
    return Dataset(store, chosen, leads, normalisation, classes)


@pytest.mark.parametrize("normalisation", ["millivolt", "microvolt", "lead_zscore"])
@pytest.mark.parametrize("leads", [STANDARD_LEADS, LIMB_LEADS[:2]])
def test_with_all_recordings_mean_and_sd_are_those_of_the_networks_input(
    small_store: Store, normalisation: Normalisation, leads: tuple[str, ...]
) -> None:
    some = np.arange(20, 90)
    found = make_background(dataset(small_store, some, leads, normalisation))
    first = np.array([small_store.windows_of[i][0] for i in some])
    signal = small_store.signal(first)[:, [STANDARD_LEADS.index(lead) for lead in leads]]
    shown = apply_scale(signal, scale_of(signal, normalisation)).astype(float)
    atol = 1e-5 * np.abs(shown).max()
    for column in range(len(found.classes)):
        np.testing.assert_allclose(found.mean[column], shown.mean(axis=0), atol=atol)
        np.testing.assert_allclose(found.sd[column], shown.std(axis=0), atol=atol)
    labels, _ = small_store.labels(found.classes)
    np.testing.assert_array_equal(found.n_with, labels[some].sum(axis=0))
    np.testing.assert_array_equal(found.n_with + found.n_without, 70)


def test_each_diagnosis_has_as_many_recordings_with_it_as_without(small_store: Store) -> None:
    data = dataset(small_store)
    n = int(min(data.labels[0].sum(axis=0).min(), 5))
    found = make_background(data, n_each=n)
    assert found.n_with.tolist() == found.n_without.tolist() == [n] * 3
    assert not np.array_equal(found.mean[0], found.mean[1])


def test_one_with_and_one_without_are_half_their_difference_apart(small_store: Store) -> None:
    data = dataset(small_store, n_classes=1)
    found = make_background(data, n_each=1, seed=4)
    labels = data.labels[0][:, 0]
    signal = small_store.signal(np.array([w[0] for w in small_store.windows_of])).astype(float)
    pairs = [
        (i, k)
        for i in np.flatnonzero(labels)
        for k in np.flatnonzero(~labels)
        if np.allclose(found.mean[0], (signal[i] + signal[k]) / 2, atol=1e-6)
    ]
    assert len(pairs) == 1
    (i, k) = pairs[0]
    np.testing.assert_allclose(found.sd[0], np.abs(signal[i] - signal[k]) / 2, atol=1e-6)


def test_the_same_seed_chooses_the_same_recordings_and_another_others(small_store: Store) -> None:
    data = dataset(small_store)
    first, again, other = (make_background(data, 4, seed) for seed in (0, 0, 1))
    assert first.sha256 == again.sha256
    assert first.sha256 != other.sha256
    assert not np.array_equal(first.mean, other.mean)


def test_recordings_whose_label_is_unknown_are_not_chosen(
    small_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = dataset(small_store, n_classes=1)
    labels, known = data.labels
    (with_it,) = np.flatnonzero(labels[:, 0])[:1]
    known = np.zeros_like(known)
    known[[with_it, *np.flatnonzero(~labels[:, 0])[:3]]] = True
    monkeypatch.setitem(data.__dict__, "labels", (labels, known))
    found = make_background(data)
    assert (found.n_with.tolist(), found.n_without.tolist()) == ([1], [3])


def test_a_diagnosis_that_no_recording_has_is_refused(small_store: Store) -> None:
    data = dataset(small_store, n_classes=1)
    labels = data.labels[0][:, 0]
    for part, word in ((~labels, "with"), (labels, "without")):
        one_sided = replace(data, recordings=np.flatnonzero(part))
        with pytest.raises(ConfigError, match=f"recordings {word} {data.classes[0]}"):
            make_background(one_sided)


@pytest.fixture(scope="module")
def background(small_store: Store) -> Background:
    return make_background(dataset(small_store), 4)


def test_a_saved_background_comes_back_as_it_was(background: Background, tmp_path: Path) -> None:
    background.save(tmp_path / "background.npz")
    found = load_background(tmp_path / "background.npz")
    assert found.sha256 == background.sha256
    assert (found.classes, found.leads, found.normalisation, found.made_from) == (
        background.classes,
        background.leads,
        background.normalisation,
        background.made_from,
    )
    np.testing.assert_array_equal(found.mean, background.mean)
    np.testing.assert_array_equal(found.sd, background.sd)


def test_a_changed_background_is_refused(background: Background, tmp_path: Path) -> None:
    path = tmp_path / "background.npz"
    background.save(path)
    with np.load(path) as file:
        kept = {name: file[name] for name in file.files}
    kept["mean"][0, 0, 0] += 1e-3
    np.savez(path, **kept)
    with pytest.raises(StoreError, match="it was changed"):
        load_background(path)


def test_what_is_no_background_is_refused(background: Background, tmp_path: Path) -> None:
    path = tmp_path / "background.npz"
    with pytest.raises(StoreError, match="No such file"):
        load_background(path)
    background.save(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(StoreError, match="not a background"):
        load_background(path)
    np.savez(path, mean=background.mean)
    with pytest.raises(StoreError, match="not a background"):
        load_background(path)
