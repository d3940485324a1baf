"""A survey: many recordings explained, kept in parts, the same whoever does it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from plain_settings import plain_settings
from recordings import ListSource, make_recording

from leadlens.bundle import Bundle, load_bundle, save_bundle
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.engines.local import LocalEngine
from leadlens.errors import ConfigError, StoreError
from leadlens.explain import survey as surveying
from leadlens.explain.sampling import drawn_window
from leadlens.explain.survey import Survey, has_survey, run_survey
from leadlens.explain.window import explain_window
from leadlens.models.registry import build_model
from leadlens.models.settings import ResNetSettings

CODES = ("164889003", "426783006")
N = 21
CHOSEN = plain_settings(n_segments=2, pieces="segments")


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """19 of 21 recordings of 4 s in parts of 4; one is flat, one in relative units."""
    folder = tmp_path_factory.mktemp("survey")
    settings = ResNetSettings()
    save_bundle(
        folder / "model", build_model(settings, 12, 2, seed=1), model=settings,
        leads=STANDARD_LEADS, fs=100.0, duration=4.0, resampling="polyphase",
        normalisation="lead_zscore", classes=CODES, thresholds=(0.5, 0.5), trained_on={},
        training={},
    )  # fmt: skip
    recordings = [make_recording(100, 4.0, seed=number) for number in range(N)]
    flat = Recording(
        np.zeros((12, 400), np.float32), 100.0, STANDARD_LEADS, "flat", "test", codes=()
    )
    recordings[4] = flat
    recordings[7] = make_recording(100, 4.0, seed=7, units="relative")
    ingest(ListSource(tuple(recordings)), folder / "store", IngestSettings(fs=100, duration=4))
    return Survey(folder / "model", folder / "store", tuple(range(1, 20)), CHOSEN, part_size=4)


def by_itself(survey: Survey, number: int) -> np.ndarray:
    """Return the values of one recording explained alone."""
    bundle: Bundle = load_bundle(survey.bundle)
    store = surveying.open_store(survey.store)
    position = survey.positions[number]
    signal = store.signal(store.windows_of[position])[0]
    units = "relative" if store.first_rows[position].units == "relative" else "mV"
    return explain_window(bundle, signal, units, survey.settings, number).values


def test_every_recording_is_explained_as_it_would_be_alone(survey: Survey, tmp_path: Path) -> None:
    surveyed = run_survey(survey, tmp_path / "s")
    numbers = []
    for number, attribution in surveyed:
        numbers.append(number)
        np.testing.assert_allclose(attribution.values, by_itself(survey, number), atol=1e-6)
    assert numbers == list(range(19))
    one = surveyed.attribution(11)
    assert one is not None
    np.testing.assert_allclose(one.values, by_itself(survey, 11), atol=1e-6)
    lead = one.sums["lead"]
    np.testing.assert_allclose(lead.values, one.values.reshape(2, 7, 2).sum(axis=2), atol=1e-9)
    assert lead.standard_error.shape == (2, 7)


def test_of_a_long_recording_the_drawn_window_is_explained(survey: Survey, tmp_path: Path) -> None:
    recordings = tuple(make_recording(100, 12.0, seed=number) for number in range(8))
    ingest(ListSource(recordings), tmp_path / "long", IngestSettings(fs=100, duration=4))
    store, bundle = surveying.open_store(tmp_path / "long"), load_bundle(survey.bundle)
    longer = replace(survey, store=tmp_path / "long", positions=tuple(range(8)))
    drawn = []
    for number, attribution in run_survey(longer, tmp_path / "s"):
        windows = store.signal(store.windows_of[number])
        assert len(windows) == 3
        chosen = drawn_window(store.keys[number], 3, survey.settings.seed)
        expected = explain_window(bundle, windows[chosen], "mV", survey.settings, number)
        np.testing.assert_allclose(attribution.values, expected.values, atol=1e-6)
        drawn.append(chosen)
    assert set(drawn) == {0, 1, 2}


def test_windows_are_drawn_evenly_by_recording_and_seed() -> None:
    keys = [f"hospital/E{number:05d}" for number in range(3000)]
    counts = np.bincount([drawn_window(key, 3, 0) for key in keys])
    assert counts.min() > 900
    assert [drawn_window(key, 3, 0) for key in keys] != [drawn_window(key, 3, 1) for key in keys]
    assert {drawn_window(key, 1, 0) for key in keys} == {0}


def test_two_workers_keep_what_one_keeps(survey: Survey, tmp_path: Path) -> None:
    for name, engine in (("one", LocalEngine(1)), ("two", LocalEngine(2))):
        run_survey(survey, tmp_path / name, engine)
    for number in range(5):
        first, second = (surveying._read_part(tmp_path / name, number) for name in ("one", "two"))
        assert first.keys() == second.keys()
        for key in first:
            if first[key].dtype.kind == "f":
                # Workers have one thread each, and sums are in another order.
                np.testing.assert_allclose(first[key], second[key], rtol=1e-4, atol=1e-8)
            else:
                np.testing.assert_array_equal(first[key], second[key])


def test_a_stopped_survey_goes_on_where_it_was(survey: Survey, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        assert total == 19
        if done >= 8:
            raise StoppedError

    with pytest.raises(StoppedError):
        run_survey(survey, tmp_path / "s", on_progress=stop)
    assert not has_survey(survey, tmp_path / "s")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "s").glob("part-*")}
    assert len(kept) == 2
    seen: list[int] = []
    run_survey(survey, tmp_path / "s", on_progress=lambda done, _: seen.append(done))
    assert seen == [12, 16, 19]
    assert has_survey(survey, tmp_path / "s")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"not a zip"])
def test_a_damaged_part_is_made_again(survey: Survey, tmp_path: Path, content: bytes) -> None:
    run_survey(survey, tmp_path / "s")
    part = tmp_path / "s" / "part-00002.npz"
    part.write_bytes(content)
    assert not has_survey(survey, tmp_path / "s")
    seen: list[int] = []
    run_survey(survey, tmp_path / "s", on_progress=lambda done, _: seen.append(done))
    assert seen == [19]
    assert has_survey(survey, tmp_path / "s")


def test_recordings_without_beats_are_listed_where_waves_are_the_players(
    survey: Survey, tmp_path: Path
) -> None:
    waves = plain_settings(pieces="waves", timing=False)
    surveyed = run_survey(
        Survey(survey.bundle, survey.store, survey.positions, waves, part_size=4), tmp_path / "s"
    )
    refused = surveyed.refused()
    assert 3 in refused  # the flat one: position 4
    assert "no beat is found" in refused[3]
    assert surveyed.attribution(3) is None
    explained = {number for number, _ in surveyed}
    assert explained | set(refused) == set(range(19))
    assert not explained & set(refused)


def test_a_folder_of_another_survey_is_refused_or_replaced(survey: Survey, tmp_path: Path) -> None:
    run_survey(survey, tmp_path / "s")
    other = Survey(survey.bundle, survey.store, survey.positions[:6], survey.settings, part_size=4)
    with pytest.raises(StoreError, match="another model, other recordings or settings"):
        run_survey(other, tmp_path / "s")
    assert has_survey(survey, tmp_path / "s")
    replaced = run_survey(other, tmp_path / "s", replaces=True)
    assert [number for number, _ in replaced] == list(range(6))
    assert len(list((tmp_path / "s").glob("part-*"))) == 2


def test_a_survey_has_no_twins_and_claims_no_folder_for_them(
    survey: Survey, tmp_path: Path
) -> None:
    settings = CHOSEN.model_copy(update={"replacement": "healthy_twin"})
    other = Survey(survey.bundle, survey.store, survey.positions, settings)
    with pytest.raises(ConfigError, match="needs the ECG without the diagnosis"):
        run_survey(other, tmp_path / "s")
    assert not (tmp_path / "s").exists()
