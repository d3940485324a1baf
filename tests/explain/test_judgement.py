"""Judgements of explainers on files: which are chosen, what is counted, what is true."""

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from judged_models import bundle_of, linear
from torch import Tensor, nn

from leadlens.bundle import Bundle, HeldOut
from leadlens.ecg.diagnoses import diagnosis
from leadlens.errors import ConfigError, SignalError
from leadlens.evaluation.skill import Skill
from leadlens.explain.attribution import Attribution
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.judge import judge
from leadlens.explain.judgement import Judgement, find_examples, judge_examples
from leadlens.explain.perturbation import perturb
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.stability import spearman
from leadlens.explain.truth import model_truth, score
from leadlens.explain.truth_card import agreement
from leadlens.explain.twin import effect_at, evidence_at, needed_evidence
from leadlens.explain.window import explain_window, window_of
from leadlens.io import read
from leadlens.simulate import CohortSettings
from leadlens.simulate.export import export_wfdb

RBBB, NSR = (diagnosis(name).code for name in ("RBBB", "NSR"))
SETTINGS = ExplainSettings(
    pieces="segments", n_segments=2, timing=False, replacement="isoelectric", kernel_width=0.5,
    n_samples=256,
)  # fmt: skip
EXACT = SETTINGS.model_copy(update={"method": "exact_shapley", "pieces": "whole"})
TWIN = EXACT.model_copy(update={"replacement": "healthy_twin"})
COHORT = CohortSettings(cohort="pairs", diagnosis="RBBB", n_recordings=12, seed=4, fs=100)


class Shifted(nn.Module):
    """A network's logits, with constants added."""

    def __init__(self, network: nn.Module, by: tuple[float, float]) -> None:
        super().__init__()
        self.network, self.by = network, by

    def forward(self, signal: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.network(signal)
        return logits + logits.new_tensor(self.by)


def model(by: tuple[float, float] = (0.0, 0.0)) -> Bundle:
    bundle = bundle_of(Shifted(linear(), by))
    changes = {"fs": 50.0, "duration": 10.0, "classes": (RBBB, NSR)}
    return replace(bundle, config=bundle.config.model_copy(update=changes))


SURE = (1e2, -1e2)
"""Of RBBB, in every ECG."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six ECGs with right bundle branch block (even numbers), and their twins."""
    path = tmp_path_factory.mktemp("pairs") / "wfdb"
    export_wfdb(COHORT, path, with_evidence=True)
    return path


def files(folder: Path, numbers: Iterable[int] = range(12)) -> list[Path]:
    return [folder / f"SIM{number:06d}.hea" for number in numbers]


def judged(
    bundle: Bundle, paths: list[Path], settings: ExplainSettings, names: tuple[str, ...] = ()
) -> Judgement:
    return judge_examples(find_examples(bundle, paths, names, settings, 99), settings)


def test_the_seed_chooses_the_files(folder: Path) -> None:
    def chosen(seed: int) -> list[Path]:
        settings = SETTINGS.model_copy(update={"seed": seed})
        return [one.file for one in find_examples(model(), files(folder), (), settings, 4).chosen]

    assert chosen(0) == chosen(0)
    assert len(set(chosen(0))) == 4
    assert chosen(0) != chosen(1)


def test_of_several_files_a_named_diagnosis_is_explained_where_the_model_gives_it(
    folder: Path,
) -> None:
    paths, bundle = files(folder), model()
    given = {path for path in paths if bundle.predict(read(path)).decisions[0]}
    found = find_examples(bundle, paths, ("RBBB",), SETTINGS, 99).chosen
    assert {one.file for one in found} == given
    assert 0 < len(given) < 12
    assert {one.codes for one in found} == {(RBBB,)}


def test_in_a_single_file_the_named_diagnosis_is_explained_in_any_case(folder: Path) -> None:
    never = model((-1e2, 1e2))
    (one,) = find_examples(never, files(folder, [0]), ("RBBB",), SETTINGS, 9).chosen
    assert one.codes == (RBBB,)
    with pytest.raises(ConfigError, match="gives RBBB in none of 12 recordings"):
        find_examples(never, files(folder), ("RBBB",), SETTINGS, 9)


def test_the_card_is_that_of_judge_on_the_same_windows(folder: Path) -> None:
    bundle, paths = model(SURE), files(folder, [0, 1])
    found = judged(bundle, paths, SETTINGS)
    order = [one.file for one in find_examples(bundle, paths, (), SETTINGS, 99).chosen]
    windows = np.stack([window_of(bundle, read(path)) for path in order])
    assert found.card == judge(bundle, windows, [0, 0], "mV", SETTINGS)
    assert (found.n_recordings, found.card.n_windows) == (2, 2)


def test_truth_is_of_the_recordings_that_have_the_diagnosis(folder: Path) -> None:
    bundle, paths = model(SURE), files(folder)
    (one,) = judged(bundle, paths, EXACT).diagnoses
    assert (one.abbreviation, one.n_windows) == ("RBBB", 12)
    assert one.truth is not None
    assert one.truth.n == 6
    scores, agreed = [], []
    for path in files(folder, range(0, 12, 2)):
        recording = read(path)
        stored, signal = needed_evidence(path, recording), window_of(bundle, recording)
        said = explain_window(bundle, signal, "mV", EXACT)
        known = evidence_at(bundle, stored)
        others = [item for name, item in known.items() if name != "RBBB"]
        scores.append(score(said, 0, known["RBBB"], others).mass)
        used = model_truth(bundle, signal, effect_at(bundle, stored, "RBBB"), EXACT)
        agreed.append(spearman(said.sums["lead"].values[0], used.values[0]))
    assert one.truth.mass is not None
    assert one.truth.mass.value == pytest.approx(np.mean(scores))
    assert one.truth.model_truth is not None
    assert one.truth.model_truth.value == pytest.approx(np.mean(agreed))
    assert one.truth.model_truth.value < 0.9


def test_intervals_are_given_from_five_recordings(folder: Path) -> None:
    bundle = model(SURE)
    few = judged(bundle, files(folder, range(0, 8, 2)), EXACT).diagnoses[0].truth
    many = judged(bundle, files(folder, range(0, 10, 2)), EXACT).diagnoses[0].truth
    assert few is not None
    assert many is not None
    assert few.mass_lift is not None
    assert (few.mass_lift.n, few.mass_lift.low) == (4, None)
    assert many.mass_lift is not None
    assert many.mass_lift.low is not None
    assert many.mass_lift.high is not None
    assert many.mass_lift.low < many.mass_lift.value < many.mass_lift.high


def test_against_the_twin_exact_values_are_what_the_model_uses(folder: Path) -> None:
    found = judged(model(SURE), files(folder), TWIN)
    (one,) = found.diagnoses
    assert one.n_windows == 6
    assert one.truth is not None
    assert one.truth.model_truth is not None
    assert one.truth.model_truth.value == pytest.approx(1.0)
    assert len(found.left_out) == 6
    assert all("does not have RBBB, so no twin" in why for why in found.left_out)


def test_without_evidence_there_is_a_card_and_no_truth(folder: Path, tmp_path: Path) -> None:
    for suffix in (".hea", ".mat"):
        shutil.copy(folder / f"SIM000000{suffix}", tmp_path)
    paths = files(tmp_path, [0])
    (one,) = judged(model(SURE), paths, SETTINGS).diagnoses
    assert one.truth is None
    with pytest.raises(ConfigError, match=r"there is no .*SIM000000\.npz"):
        find_examples(model(SURE), paths, (), TWIN, 1)


def test_explanations_that_may_not_be_shown_are_counted_with_the_reason(folder: Path) -> None:
    weak = linear()
    for weights in weak.parameters():
        weights.data *= 1e-4
    bundle = replace(model(), model=Shifted(weak, SURE))
    (one,) = judged(bundle, files(folder, range(3)), SETTINGS).diagnoses
    assert (one.n_windows, one.n_passed) == (3, 0)
    assert all("move its logit by 0 (needs 2)" in why for why in one.withheld)
    strong = judged(model(SURE), files(folder, range(3)), SETTINGS).diagnoses[0]
    assert strong.n_passed == 3 - len(strong.withheld)
    assert strong.n_passed > 0


def test_a_file_that_cannot_be_read_is_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    paths = [*files(folder, [0]), tmp_path / "nothing.hea"]
    found = judged(model(SURE), paths, SETTINGS)
    assert found.n_recordings == 1
    assert len(found.left_out) == 1
    assert "nothing.hea" in found.left_out[0]
    with pytest.raises(ConfigError, match=r"nothing can be explained: .*nothing\.hea"):
        find_examples(model(SURE), paths[1:], (), SETTINGS, 9)


def moody(model: FrozenModel, game: Game, settings: ExplainSettings, number: int) -> Attribution:
    """Explain as occlusion does, but not every ECG."""
    if float(game.signal.nan_to_num().abs().sum()) % 2 < 1:
        raise SignalError("not in the mood")
    return perturb(model, game, settings.model_copy(update={"method": "occlusion"}), number)


def test_ones_own_method_is_judged_and_what_it_refuses_is_left_out_in_its_own_words(
    folder: Path,
) -> None:
    settings = SETTINGS.model_copy(update={"method": f"{__name__}:moody"})
    found = judged(model(SURE), files(folder), settings)
    assert 0 < found.n_recordings < 12
    assert found.n_recordings + len(found.left_out) == 12
    assert all(why.endswith("not in the mood") for why in found.left_out)


def test_a_pure_timing_diagnosis_has_a_timing_share_and_no_shape_score(tmp_path: Path) -> None:
    settings = CohortSettings(cohort="pairs", diagnosis="SB", n_recordings=2, seed=1, fs=100)
    export_wfdb(settings, tmp_path / "slow", with_evidence=True)
    bundle = model(SURE)
    changed = bundle.config.model_copy(update={"classes": (diagnosis("SB").code, NSR)})
    bundle = replace(bundle, config=changed)
    timed = SETTINGS.model_copy(update={"timing": True})
    for chosen, has_timing in ((timed, True), (SETTINGS, False)):
        (one,) = judged(bundle, files(tmp_path / "slow", [0]), chosen).diagnoses
        assert one.truth is not None
        assert (one.truth.timing is not None) == has_timing
        assert one.truth.mass is None
        assert one.truth.model_truth is None


def test_a_method_that_does_not_tell_leads_apart_has_no_model_truth(folder: Path) -> None:
    bundle, path = model(SURE), files(folder, [0])[0]
    recording = read(path)
    stored, signal = needed_evidence(path, recording), window_of(bundle, recording)
    said = explain_window(bundle, signal, "mV", EXACT)
    known, effect = evidence_at(bundle, stored), effect_at(bundle, stored, "RBBB")
    blind = EXACT.model_copy(update={"method": "cam"})
    found = [
        agreement(bundle, signal, said, "RBBB", known, effect, each) for each in (EXACT, blind)
    ]
    assert found[0].model is not None
    assert found[1].model is None
    assert found[0].score == found[1].score


def test_progress_is_told_for_every_explanation(folder: Path) -> None:
    bundle, told = model(SURE), []
    examples = find_examples(bundle, files(folder, range(3)), (), SETTINGS, 2)
    judge_examples(examples, SETTINGS, lambda done, of: told.append((done, of)))
    assert told == [(1, 2), (2, 2)]


def test_a_diagnosis_that_the_model_did_not_tell_on_unseen_ecgs_is_withheld(folder: Path) -> None:
    untold = Skill(n_positive=40, n_negative=60, auroc=0.51, p=0.4)
    bundle = model(SURE)
    held_out = HeldOut(on="40 recordings", skills=(untold, untold))
    unskilled = replace(bundle, config=bundle.config.model_copy(update={"held_out": held_out}))
    (one,) = judged(unskilled, files(folder, [0]), SETTINGS).diagnoses
    assert one.n_passed == 0
    assert "AUROC 0.51" in one.withheld[0]
