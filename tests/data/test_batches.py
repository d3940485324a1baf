"""Batches: every recording once an epoch, masks that tell the truth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recordings import ListSource, make_recording

from leadlens.data.batches import Dataset
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.order import BLOCK, N_OPEN, Order, epoch_order
from leadlens.data.store import Store
from leadlens.ecg.diagnoses import scored_codes
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import select_leads
from leadlens.errors import ConfigError, StoreError

CLASSES = ("426783006", "164889003")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Nine recordings: plain, long (3 windows), short, three leads, unknown labels."""
    short = {"fs": 50, "duration": 10.0}
    recordings = (
        make_recording(**short, seed=0, codes=("426783006",)),
        make_recording(50, 25.0, seed=1, codes=("164889003", "426783006")),
        make_recording(50, 7.0, seed=2, codes=()),
        select_leads(make_recording(**short, seed=3), ("I", "II", "V2")),
        make_recording(**short, seed=4),
        make_recording(**short, seed=5, codes=(), not_annotated=("164889003",)),
        *(make_recording(**short, seed=seed, codes=("164889003",)) for seed in (6, 7, 8)),
    )
    annotated = [recordings[0], recordings[1], recordings[2],
                 replace(recordings[3], codes=("426783006",)),
                 replace(recordings[4], codes=None), *recordings[5:]]  # fmt: skip
    path = tmp_path_factory.mktemp("batches") / "store"
    return ingest(ListSource(tuple(annotated)), path, IngestSettings(fs=50))


def dataset_of(store: Store, recordings: list[int] | None = None) -> Dataset:
    chosen = np.arange(len(store.keys)) if recordings is None else np.array(recordings, dtype=int)
    return Dataset(store, chosen, STANDARD_LEADS, "millivolt", CLASSES)


@pytest.mark.parametrize("batch_size", [3, 5, 7, 9, 100])
def test_an_epoch_visits_each_recording_exactly_once(store: Store, batch_size: int) -> None:
    dataset = dataset_of(store)
    seen = np.concatenate([batch.recordings for batch in dataset.epoch(batch_size, 1, 0)])
    assert sorted(seen) == list(range(9))


def order_of(dataset: Dataset, seed: int, epoch: int) -> list[int]:
    return [int(i) for batch in dataset.epoch(3, seed, epoch) for i in batch.recordings]


def test_the_same_seed_and_epoch_give_the_same_batches(store: Store) -> None:
    for one, other in zip(*(dataset_of(store).epoch(3, 5, 2) for _ in range(2)), strict=True):
        assert np.array_equal(one.signal, other.signal)
        assert np.array_equal(one.recordings, other.recordings)


def test_another_seed_or_epoch_gives_another_order(store: Store) -> None:
    orders = [order_of(dataset_of(store), seed, epoch) for seed, epoch in [(0, 0), (0, 1), (1, 0)]]
    assert len({tuple(order) for order in orders}) == 3


def test_a_long_recording_shows_one_window_an_epoch_and_in_time_all(store: Store) -> None:
    dataset = dataset_of(store)
    windows = store.signal(store.windows_of[1])
    shown = set()
    for epoch in range(25):
        for batch in dataset.epoch(4, 0, epoch):
            for signal in batch.signal[batch.recordings == 1]:
                shown.add(next(i for i in range(3) if np.allclose(signal, windows[i])))
    assert shown == {0, 1, 2}


def test_a_last_batch_of_a_single_recording_is_left_out(store: Store) -> None:
    sizes = [len(batch.recordings) for batch in dataset_of(store).epoch(4, 0, 0)]
    assert sizes == [4, 4]


def test_the_only_recording_is_not_left_out(store: Store) -> None:
    batches = list(dataset_of(store, [4]).epoch(4, 0, 0))
    assert [batch.recordings.tolist() for batch in batches] == [[0]]


def test_labels_and_their_mask_are_those_of_the_recordings(store: Store) -> None:
    for batch in dataset_of(store).epoch(4, 0, 0):
        for i, recording in enumerate(batch.recordings):
            labels = {0: [1, 0], 1: [1, 1], 3: [1, 0], 6: [0, 1], 7: [0, 1], 8: [0, 1]}
            known = {4: [0, 0], 5: [1, 0]}
            assert batch.labels[i].tolist() == labels.get(int(recording), [0, 0])
            assert batch.label_mask[i].tolist() == known.get(int(recording), [1, 1])


def test_positions_count_within_the_dataset_not_the_store(store: Store) -> None:
    dataset = dataset_of(store, [8, 4, 0])
    assert dataset.keys == tuple(store.keys[i] for i in (8, 4, 0))
    (batch,) = dataset.all_windows(10)
    assert batch.labels.tolist() == [[0, 1], [0, 0], [1, 0]]
    assert batch.label_mask.tolist() == [[1, 1], [0, 0], [1, 1]]
    assert np.array_equal(batch.signal, store.signal(np.array([10, 6, 0])))


def test_what_is_missing_is_0_and_leads_without_any_sample_are_masked(store: Store) -> None:
    (batch,) = dataset_of(store, [2, 3]).all_windows(10)
    assert np.isfinite(batch.signal).all()
    assert not batch.signal[0, :, 350:].any()
    assert batch.lead_mask[0].tolist() == [1] * 12
    assert batch.lead_mask[1].tolist() == [1] * 6 + [0, 1, 0, 0, 0, 0]
    assert not batch.signal[1, 6].any()


def test_all_windows_gives_every_window_of_every_recording_in_order(store: Store) -> None:
    batches = list(dataset_of(store).all_windows(4))
    assert [len(batch.recordings) for batch in batches] == [4, 4, 3]
    recordings = np.concatenate([batch.recordings for batch in batches])
    assert recordings.tolist() == [0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8]
    signal = np.concatenate([batch.signal for batch in batches])
    assert np.array_equal(signal, np.nan_to_num(store.signal(np.arange(11))))


def test_the_leads_of_a_batch_are_those_asked_for_in_that_order(store: Store) -> None:
    dataset = Dataset(store, np.array([0]), ("V2", "I"), "microvolt", CLASSES)
    (batch,) = dataset.all_windows(1)
    expected = store.counts(np.array([0]))[:, [7, 0]]
    np.testing.assert_allclose(batch.signal, expected, atol=1e-3)


def test_each_window_is_scaled_by_its_own_statistics(store: Store) -> None:
    dataset = Dataset(store, np.array([1, 2]), STANDARD_LEADS, "lead_zscore", CLASSES)
    (batch,) = dataset.all_windows(10)
    np.testing.assert_allclose(batch.signal[:3].std(axis=2), 1, rtol=1e-3)
    # The short recording's statistics are of its 7 s, not of the zeros after them.
    np.testing.assert_allclose(batch.signal[3, :, :350].std(axis=1), 1, rtol=1e-3)


def test_a_lead_that_the_store_does_not_have_is_refused_by_name(store: Store) -> None:
    with pytest.raises(StoreError, match="has no lead V7"):
        Dataset(store, np.array([0]), ("I", "V7"), "millivolt", CLASSES)


def test_no_recordings_at_all_are_refused(store: Store) -> None:
    with pytest.raises(ConfigError, match="no recording of"):
        dataset_of(store, [])


def test_recordings_without_voltage_are_refused_where_voltage_is_asked_for(tmp_path: Path) -> None:
    recordings = (make_recording(50, seed=0), replace(make_recording(50, seed=1), units="relative"))
    mixed = ingest(ListSource(recordings), tmp_path / "s", IngestSettings(fs=50))
    with pytest.raises(ConfigError, match="relative units"):
        dataset_of(mixed)
    dataset_of(mixed, [0])
    Dataset(mixed, np.arange(2), STANDARD_LEADS, "lead_zscore", scored_codes())


def cropped(store: Store, recordings: list[int], crop: float) -> Dataset:
    return replace(dataset_of(store, recordings), crop=crop)


def test_crops_are_pieces_of_the_window_anywhere_in_what_was_recorded(store: Store) -> None:
    # The short recording: 7 s, then 3 s of padding.
    whole = store.signal(store.windows_of[2])[0]
    found = set()
    for epoch in range(200):
        (batch,) = cropped(store, [2], 6.9).epoch(2, 0, epoch)
        assert batch.signal.shape == (1, 12, 345)
        assert batch.lead_mask.all()
        found |= {s for s in range(156) if np.allclose(batch.signal[0], whole[:, s : s + 345])}
    assert found == set(range(6))


def test_a_crop_longer_than_what_was_recorded_starts_with_it(store: Store) -> None:
    (batch,) = cropped(store, [2], 9.0).epoch(2, 0, 0)
    assert np.allclose(batch.signal[0, :, :350], store.signal(store.windows_of[2])[0, :, :350])
    assert not batch.signal[0, :, 350:].any()


def test_crops_together_cover_all_that_was_recorded_and_no_padding(store: Store) -> None:
    data = cropped(store, [2, 0], 2.5)
    (batch,) = data.all_windows(10)
    assert batch.recordings.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert data.n_crops == 7
    seconds = np.zeros(500, dtype=int)
    (draw,) = data.all_draws(10)
    for start in draw.starts[:3]:
        seconds[start : start + 125] += 1
    assert (seconds[:350] >= 1).all()
    assert not seconds[350:].any()
    np.testing.assert_allclose(
        np.concatenate(batch.signal[3:], axis=1), store.signal(store.windows_of[0])[0]
    )


def test_a_crop_is_scaled_by_what_it_shows(store: Store) -> None:
    data = Dataset(store, np.array([0]), STANDARD_LEADS, "lead_zscore", CLASSES, crop=2.0)
    (batch,) = data.all_windows(10)
    np.testing.assert_allclose(batch.signal.std(axis=2), 1, rtol=1e-3)


@pytest.mark.parametrize("crop", [0.001, 10.5])
def test_a_crop_of_no_sample_or_beyond_the_window_is_refused(store: Store, crop: float) -> None:
    with pytest.raises(ConfigError, match=rf"a crop of {crop} s: the windows of .* are of 10 s"):
        cropped(store, [0], crop)


@pytest.mark.parametrize("order", ["random", "streaming"])
@pytest.mark.parametrize("n", [1, 255, 256, 257, 10_000])
def test_every_order_visits_each_recording_once_and_follows_its_seed(n: int, order: Order) -> None:
    places = np.random.default_rng(0).permutation(n)
    one, other = (epoch_order(order, places, np.random.default_rng(s)) for s in (1, 2))
    assert sorted(one) == list(range(n))
    assert np.array_equal(one, epoch_order(order, places, np.random.default_rng(1)))
    assert n == 1 or not np.array_equal(one, other)


def test_streaming_order_stays_within_a_few_blocks_at_a_time() -> None:
    places = np.random.default_rng(0).permutation(51_200)
    visited = places[epoch_order("streaming", places, np.random.default_rng(1))]
    for start in range(0, 51_200, BLOCK * N_OPEN):
        together = visited[start : start + BLOCK * N_OPEN]
        assert len(np.unique(together // BLOCK)) <= N_OPEN
        # Mixed: neighbours in the order are not neighbours on the disk.
        assert np.mean(np.abs(np.diff(together)) == 1) < 0.01
    blocks = visited[:: BLOCK * N_OPEN] // BLOCK
    assert np.mean(np.diff(blocks) > 0) < 0.9


def test_a_streamed_epoch_holds_the_same_recordings_with_the_same_labels(store: Store) -> None:
    batches = list(dataset_of(store).epoch(3, 0, 0, "streaming"))
    recordings = np.concatenate([batch.recordings for batch in batches])
    assert sorted(recordings) == list(range(9))
    labels, _ = dataset_of(store).labels
    assert np.array_equal(np.concatenate([b.labels for b in batches]), labels[recordings])
