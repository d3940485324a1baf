"""Feed: what is made on a device is what the host makes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from recordings import ListSource, make_recording

from leadlens.data.batches import Dataset
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.preprocess import NORMALISATIONS, Normalisation
from leadlens.ecg.recording import select_leads
from leadlens.training.feed import DeviceFeed, HostFeed, fed_windows, feed_of

CPU = torch.device("cpu")
CLASSES = ("426783006", "164889003")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Seven of eight recordings: plain, long, short, three leads, flat, unknown labels."""
    flat = make_recording(50, seed=6)
    signal = np.array(flat.signal)
    signal[2] = 0.5
    recordings = (
        make_recording(50, seed=0, codes=("426783006",)),
        make_recording(50, 25.0, seed=1, codes=CLASSES),
        make_recording(50, 7.0, seed=2, codes=()),
        select_leads(make_recording(50, seed=3), ("I", "II", "V2")),
        replace(make_recording(50, seed=4), codes=None),
        make_recording(50, seed=5, codes=(), not_annotated=("164889003",)),
        replace(flat, signal=signal),
        make_recording(50, seed=7),
    )
    path = tmp_path_factory.mktemp("feed") / "store"
    store = ingest(ListSource(recordings), path, IngestSettings(fs=50))
    return Dataset(store, np.array([6, 1, 2, 3, 0, 5, 4]), STANDARD_LEADS, "millivolt", CLASSES)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("crop", [None, 2.5])
@pytest.mark.parametrize("leads", [STANDARD_LEADS, ("V2", "I")])
@pytest.mark.parametrize("room", [0, 10**9], ids=["brought", "resident"])
def test_a_device_makes_what_the_host_makes(
    data: Dataset,
    normalisation: Normalisation,
    crop: float | None,
    leads: tuple[str, ...],
    room: int,
) -> None:
    seen = replace(data, normalisation=normalisation, crop=crop, leads=leads)
    feed = DeviceFeed(seen, CPU, room)
    assert feed.is_resident == (room > 0)
    draws = [*seen.all_draws(4), *seen.epoch_draws(4, 0, 3)]
    for draw in draws:
        ours, host = feed.tensors(draw), HostFeed(seen).tensors(draw)
        torch.testing.assert_close(ours.signal, host.signal, rtol=1e-5, atol=1e-4)
        assert torch.equal(ours.labels, host.labels)
        assert torch.equal(ours.label_mask, host.label_mask)
        assert torch.equal(ours.person, host.person)
        assert np.array_equal(ours.recordings, host.recordings)


def test_all_windows_are_fed_in_order(data: Dataset) -> None:
    fed = list(fed_windows(feed_of(data, CPU), 4))
    recordings = np.concatenate([batch.recordings for batch in fed])
    assert recordings.tolist() == [0, 1, 1, 1, 2, 3, 4, 5, 6]


def test_a_processor_is_fed_by_the_host_without_a_copy(data: Dataset) -> None:
    assert isinstance(feed_of(data, CPU), HostFeed)


def test_what_does_not_fit_is_brought_batch_by_batch(data: Dataset) -> None:
    n_windows = sum(len(data.store.windows_of[i]) for i in data.recordings)
    n_bytes = 2 * n_windows * 12 * 500
    assert DeviceFeed(data, CPU, n_bytes).is_resident
    assert not DeviceFeed(data, CPU, n_bytes - 1).is_resident
