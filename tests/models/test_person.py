"""Age and sex beside the ECG."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recordings import ListSource, make_recording
from torch import nn

from leadlens.bundle import Bundle, load_bundle
from leadlens.data.batches import Dataset
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.person import PERSON_FEATURES, person_features
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.evaluation.calibration import Calibration
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import explain_ecg
from leadlens.models.ensemble import joined
from leadlens.models.person import WithPerson, for_person, logits_of
from leadlens.models.registry import build_model
from leadlens.models.settings import ImportedSettings, InceptionTimeSettings
from leadlens.training import recipe
from leadlens.training.fit import fit, predict
from leadlens.training.save import save_trained
from leadlens.training.settings import TrainingSettings

CPU = torch.device("cpu")
WOMEN = "426783006"  # stands for what only age and sex tell
TINY = InceptionTimeSettings(depth=1, n_filters=2, kernels=(9, 5))


def settings_of(**changes: Any) -> TrainingSettings:
    values = {"model": TINY, "epochs": 30, "batch_size": 16, "learning_rate": 0.02,
              "precision": "float32", "takes_person": True, **changes}  # fmt: skip
    return TrainingSettings.model_validate(values)


def network_of(seed: int = 0) -> WithPerson:
    network = build_model(TINY, 12, 3, seed=seed, takes_person=True)
    assert isinstance(network, WithPerson)
    return network.eval()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Noise, labelled by sex; of every eighth recording neither age nor sex is known."""
    recordings = []
    for number in range(64):
        sex = "female" if number % 2 else "male"
        codes = (WOMEN,) if sex == "female" else ()
        ecg = make_recording(50, seed=number, codes=codes)
        known = number % 8 != 0
        recordings.append(
            replace(ecg, age=float(20 + number) if known else None, sex=sex if known else None)
        )
    path = tmp_path_factory.mktemp("person") / "store"
    store = ingest(ListSource(tuple(recordings)), path, IngestSettings(fs=50))
    return Dataset(store, np.arange(64), STANDARD_LEADS, "millivolt", (WOMEN,))


@pytest.fixture(scope="module")
def trained(data: Dataset) -> nn.Module:
    return fit(data, settings_of(), CPU)[0]


@pytest.fixture(scope="module")
def bundle(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    place = tmp_path_factory.mktemp("bundle")
    settings = settings_of(members=2, inner=0.2, is_calibrated=True, epochs=8)
    save_trained(place, recipe.train(data, settings, CPU, place), data, settings, None)
    return load_bundle(place)


def test_a_person_is_told_in_numbers_of_which_the_unknown_ones_are_zero() -> None:
    assert len(PERSON_FEATURES) == 4
    assert person_features(75.0, "female").tolist() == [1.0, 1.0, 1.0, 0.0]
    assert person_features(25.0, "male").tolist() == [-1.0, 1.0, 0.0, 1.0]
    assert person_features(None, None).tolist() == [0.0] * 4
    assert person_features(50.0, "").tolist() == [0.0, 1.0, 0.0, 0.0]


def test_a_dataset_tells_each_recordings_age_and_sex(data: Dataset) -> None:
    np.testing.assert_array_equal(data.persons[0], person_features(None, None))
    np.testing.assert_array_equal(data.persons[5], person_features(25.0, "female"))
    batch = next(data.all_windows(64))
    np.testing.assert_array_equal(batch.person, data.persons)


def test_what_only_the_person_tells_is_learned_with_the_person_alone(
    data: Dataset, trained: nn.Module
) -> None:
    known = data.persons[:, 1] == 1
    said, truth = predict(trained, data, CPU)[:, 0], data.labels[0][:, 0]
    assert said[known & truth].min() > said[known & ~truth].max()


def test_a_person_moves_all_logits_of_a_diagnosis_by_one_number() -> None:
    network = network_of()
    signal = torch.randn(5, 12, 100)
    person = torch.from_numpy(person_features(80.0, "male")).expand(5, -1)
    with torch.no_grad():
        moved = network(signal, person) - network(signal)
    torch.testing.assert_close(moved, moved[:1].expand(5, -1), rtol=1e-5, atol=1e-6)
    assert (moved[0].abs() > 1e-3).all()


@pytest.mark.parametrize("n_members", [1, 3])
def test_a_model_for_a_person_says_of_the_ecg_alone_what_it_says_of_both(n_members: int) -> None:
    network = joined([network_of(seed) for seed in range(n_members)]).eval()
    told = person_features(33.0, "female")
    signal = torch.randn(4, 12, 100)
    person = torch.from_numpy(told).expand(4, -1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    alone = for_person(network, told)
    with torch.no_grad():
        both = logits_of(network, signal, person)
        torch.testing.assert_close(alone(signal), both, rtol=1e-5, atol=1e-6)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_network_of_the_ecg_alone_is_not_told_the_person() -> None:
    network = build_model(TINY, 12, 3).eval()
    signal, person = torch.randn(2, 12, 100), torch.ones(2, 4)
    assert torch.equal(logits_of(network, signal, person), network(signal))
    assert for_person(network, person_features(50.0, "male")) is network


def test_training_withholds_the_person_of_some_recordings() -> None:
    network = network_of().train()
    person = torch.from_numpy(person_features(80.0, "male")).expand(2000, -1)
    network.network = nn.Flatten()  # the ECG's logits are the ECG
    with torch.no_grad():
        said = network(torch.zeros(2000, 3, 1), person)
    is_untold = torch.isclose(said, network.offsets(torch.zeros(1, 4))).all(1)
    assert is_untold.float().mean() == pytest.approx(0.1, abs=0.03)


def test_calibration_changes_what_the_person_adds_too() -> None:
    network = network_of()
    signal, person = torch.randn(4, 12, 100), torch.randn(4, 4)
    slopes, offsets = (2.0, 0.5, 1.0), (0.3, -1.0, 0.0)
    with torch.no_grad():
        expected = network(signal, person) * torch.tensor(slopes) + torch.tensor(offsets)
        recipe.calibrate(network, Calibration(slopes=slopes, offsets=offsets))
        torch.testing.assert_close(network(signal, person), expected)


def test_a_saved_model_is_told_age_and_sex_of_the_recording(bundle: Bundle) -> None:
    ecg = make_recording(50, seed=99)
    said = {
        sex: bundle.predict(replace(ecg, age=40.0, sex=sex)).probabilities[0]
        for sex in ("female", "male", None)
    }
    assert said["male"] < said[None] < said["female"]
    assert "age and sex" in (bundle.path / "README.md").read_text(encoding="utf-8")


def test_a_saved_model_says_of_a_store_what_it_says_of_its_recordings(
    bundle: Bundle, data: Dataset
) -> None:
    whole = predict(bundle.model, data, CPU)
    ecg = replace(make_recording(50, seed=5), age=25.0, sex="female")
    assert bundle.predict(ecg).probabilities[0] == pytest.approx(whole[5, 0], abs=2e-3)


def test_an_explanation_is_of_the_ecg_and_begins_at_the_persons_logit(bundle: Bundle) -> None:
    first = bundle.model.get_submodule("members.0")
    one_member = replace(bundle, model=first)
    ecg: Recording = make_recording(50, seed=99)
    settings = ExplainSettings(
        method="shapley", pieces="whole", timing=False, replacement="isoelectric"
    )
    she, he = (
        explain_ecg(one_member, replace(ecg, age=40.0, sex=sex), settings)
        for sex in ("female", "male")
    )
    np.testing.assert_allclose(she.values, he.values, atol=1e-5)
    told = one_member.for_person(40.0, "female").logits(one_member.windows(ecg))[0]
    np.testing.assert_allclose(she.logits, told, atol=1e-5)


def test_training_with_persons_may_start_from_a_model_of_the_ecg_alone(
    data: Dataset, tmp_path: Path
) -> None:
    plain = settings_of(takes_person=False, epochs=1)
    save_trained(tmp_path / "plain", recipe.train(data, plain, CPU, tmp_path), data, plain, None)
    recipe.forget(tmp_path)
    after = settings_of(epochs=1, learning_rate=1e-9, start="plain")
    network = recipe.train(data, after, CPU, tmp_path, tmp_path / "plain").network
    begun = load_bundle(tmp_path / "plain").model.state_dict()
    for name in ("head.weight", "inceptions.0.bottleneck.weight"):
        torch.testing.assert_close(network.state_dict()[f"network.{name}"], begun[name])


@pytest.mark.parametrize(
    ("is_told", "changes"),
    [(True, {"takes_person": False}), (False, {"epochs": 0})],
    ids=["what would be lost", "what nothing would teach"],
)
def test_a_start_that_knows_persons_or_should_is_refused(
    data: Dataset, tmp_path: Path, is_told: bool, changes: dict[str, Any]
) -> None:
    before = settings_of(takes_person=is_told, epochs=1)
    save_trained(tmp_path / "m", recipe.train(data, before, CPU, tmp_path), data, before, None)
    recipe.forget(tmp_path)
    with pytest.raises(ConfigError, match="takes_person"):
        recipe.train(data, settings_of(start="m", **changes), CPU, tmp_path, tmp_path / "m")


def test_a_network_to_whose_logits_nothing_can_be_added_is_refused() -> None:
    own = ImportedSettings(name="own_network:HeadOfAnotherName")
    with pytest.raises(ConfigError, match="takes_person=false"):
        build_model(own, 12, 3, takes_person=True)


def test_the_same_seed_gives_the_same_training_with_persons(
    data: Dataset, trained: nn.Module
) -> None:
    torch.manual_seed(5)
    again = fit(data, settings_of(), CPU)[0].state_dict()
    assert all(torch.equal(value, again[name]) for name, value in trained.state_dict().items())
