"""Bundles: saved, loaded, refused when damaged, and applied to recordings."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from leadlens.bundle import NOT_A_DEVICE, Bundle, HeldOut, load_bundle, save_bundle
from leadlens.data.store import Store
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording, select_leads
from leadlens.ecg.resample import resample
from leadlens.errors import BundleError, ConfigError, LeadlensError
from leadlens.evaluation.skill import Skill
from leadlens.models.registry import build_model
from leadlens.models.settings import (
    ImportedSettings,
    InceptionTimeSettings,
    ModelSettings,
    PaperInceptionSettings,
    StateSpaceSettings,
    XResNetSettings,
)

CODES = ("164889003", "426783006", "59118001")
MODEL = InceptionTimeSettings(depth=1, n_filters=2, kernels=(5,))


def saved(
    path: Path,
    model: ModelSettings = MODEL,
    leads: tuple[str, ...] = STANDARD_LEADS,
    seed: int = 0,
    **changes: object,
) -> Path:
    """Save a network with random weights and batch statistics; return its folder."""
    network = build_model(model, len(leads), len(CODES), seed, 100.0)
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        # Small enough that no feature dies in a ReLU: the logits would be constants.
        if name.endswith("running_mean"):
            tensor.uniform_(-0.1, 0.1, generator=generator)
        elif name.endswith("running_var"):
            tensor.uniform_(0.005, 0.02, generator=generator)
    values = {
        "model": model,
        "leads": leads,
        "fs": 100.0,
        "duration": 5.0,
        "resampling": "polyphase",
        "normalisation": "millivolt",
        "classes": CODES,
        "thresholds": (0.5,) * len(CODES),
        "trained_on": {"sources": "a hospital", "recordings": 7},
        "training": {},
        **changes,
    }
    save_bundle(path, network, **values)
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return load_bundle(saved(tmp_path / "model"))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x.astype(np.float64)))


@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        PaperInceptionSettings(n_filters=2),
        PaperInceptionSettings(n_filters=2, join="channels", receptive_field=0.5),
        InceptionTimeSettings(depth=3, n_filters=2, receptive_field=0.2),
        XResNetSettings(depth=18, n_filters=(2, 2, 2, 2)),
        StateSpaceSettings(depth=2, n_filters=4, n_states=3),
    ],
    ids=repr,
)
def test_a_loaded_model_gives_the_very_logits_of_the_saved_one(
    tmp_path: Path, model: ModelSettings
) -> None:
    network = build_model(model, 12, 3, seed=5, fs=100.0)
    network(torch.randn(16, 12, 60))  # moves the batch statistics, which must be saved as well
    save_bundle(
        tmp_path,
        network,
        model=model,
        leads=STANDARD_LEADS,
        fs=100.0,
        duration=5.0,
        resampling="polyphase",
        normalisation="millivolt",
        classes=CODES,
        thresholds=(0.5,) * 3,
        trained_on={},
        training={},
    )
    signal = torch.randn(4, 12, 60)
    with torch.inference_mode():
        expected = network.eval()(signal)
        assert torch.equal(load_bundle(tmp_path).model(signal), expected)


OWN_CODE = """
from torch import nn

class Net(nn.Module):
    def __init__(self, n_leads, n_classes):
        super().__init__()
        self.head = nn.Linear(n_leads, n_classes)

    def forward(self, signal):
        return self.head(signal.mean(dim=-1))
"""


def test_a_network_that_is_somebodys_code_is_loaded_only_when_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "strangers_module.py").write_text(OWN_CODE)
    monkeypatch.syspath_prepend(tmp_path)
    path = saved(tmp_path / "model", model=ImportedSettings(name="strangers_module:Net"))
    weights = load_bundle(path, own_code=True).model.state_dict()
    monkeypatch.delitem(sys.modules, "strangers_module")
    with pytest.raises(BundleError, match=r"strangers_module:Net.*trust it.*own_code=True"):
        load_bundle(path)
    assert "strangers_module" not in sys.modules
    again = load_bundle(path, own_code=True).model
    assert torch.equal(again.head.weight, weights["head.weight"])


def test_the_networks_of_these_tests_tell_recordings_apart(
    bundle: Bundle, make_ecg: Callable[..., Recording]
) -> None:
    said = np.stack([bundle.predict(make_ecg(fs=100, seed=s)).probabilities for s in range(5)])
    assert said.std(axis=0).min() > 0.01


def test_a_loaded_configuration_is_the_saved_one(bundle: Bundle, tmp_path: Path) -> None:
    assert bundle.config.model == MODEL
    assert (bundle.config.classes, bundle.config.leads) == (CODES, STANDARD_LEADS)
    again = load_bundle(saved(tmp_path / "again"))
    assert again.config == bundle.config


TOLD = Skill(n_positive=12, n_negative=300, auroc=0.9714, p=1e-9)
NEVER = Skill(n_positive=0, n_negative=312)


def test_what_a_model_tells_on_unseen_recordings_is_kept_and_on_its_card(tmp_path: Path) -> None:
    held_out = HeldOut(on="312 recordings of a hospital", skills=(TOLD, NEVER, TOLD))
    path = saved(tmp_path, held_out=held_out)
    assert load_bundle(path).config.held_out == held_out
    card = (path / "README.md").read_text()
    assert "Skill on 312 recordings of a hospital, which the model has not seen:" in card
    assert "(164889003): AUROC 0.971 (12 with it, 300 without)" in card
    assert "(426783006): AUROC not known (0 with it, 312 without)" in card


def test_a_model_from_before_its_skill_was_kept_is_still_loaded(tmp_path: Path) -> None:
    config = json.loads((saved(tmp_path) / "config.json").read_text())
    assert config.pop("held_out") is None
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert load_bundle(tmp_path).config.held_out is None
    assert "not tested on unseen recordings" in (tmp_path / "README.md").read_text()


def test_a_skill_too_few_is_refused(tmp_path: Path) -> None:
    held_out = HeldOut(on="others", skills=(TOLD, TOLD)).model_dump()
    with pytest.raises(BundleError, match="2 held-out skills for 3 classes"):
        load_bundle(changed_config(saved(tmp_path), held_out=held_out))


def test_a_flipped_byte_in_the_weights_is_refused(tmp_path: Path) -> None:
    weights = saved(tmp_path) / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(BundleError, match=r"model\.safetensors .*is not the file"):
        load_bundle(tmp_path)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_missing_file_is_refused_by_name(tmp_path: Path, file: str) -> None:
    (saved(tmp_path) / file).unlink()
    with pytest.raises(BundleError, match=file):
        load_bundle(tmp_path)


def changed_config(path: Path, **changes: object) -> Path:
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, **changes}))
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "leadlens-bundle-0"},
        {"surprise": 1},
        {"model": {"name": "vgg"}},
        {"fs": "fast"},
    ],
)
def test_a_configuration_of_another_form_is_refused(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    with pytest.raises(BundleError, match="is not a leadlens model"):
        load_bundle(changed_config(saved(tmp_path), **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"name": "inception_time", "depth": 2, "n_filters": 2, "kernels": [5]}},
        {"model": {"name": "inception_time", "depth": 1, "n_filters": 3, "kernels": [5]}},
        {"classes": list(CODES[:2]), "thresholds": [0.5, 0.5]},
    ],
)
def test_weights_of_another_network_are_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(BundleError, match="does not fit"):
        load_bundle(changed_config(saved(tmp_path), **changes))


def test_a_damaged_configuration_is_refused(tmp_path: Path) -> None:
    (saved(tmp_path) / "config.json").write_text("{")
    with pytest.raises(BundleError, match="damaged"):
        load_bundle(tmp_path)


def test_a_prediction_is_scale_network_sigmoid_and_threshold(
    tmp_path: Path, make_ecg: Callable[..., Recording]
) -> None:
    model = load_bundle(saved(tmp_path, normalisation="microvolt", thresholds=(0.0, 0.5, 1.0)))
    ecg = make_ecg(fs=100, duration=5)
    ecg = replace(ecg, signal=ecg.signal / np.float32(1000))
    with torch.inference_mode():
        logits = model.model(torch.from_numpy(ecg.signal[None] * np.float32(1000)))
    said = model.predict(ecg)
    np.testing.assert_allclose(said.probabilities, sigmoid(logits.numpy()[0]), rtol=1e-5)
    assert said.decisions.tolist() == [True, bool(said.probabilities[1] > 0.5), False]
    assert (said.record_id, said.classes) == (ecg.record_id, CODES)


def test_a_long_recording_gets_the_mean_over_its_windows(
    bundle: Bundle, make_ecg: Callable[..., Recording]
) -> None:
    ecg = make_ecg(fs=100, duration=10)
    halves = [replace(ecg, signal=ecg.signal[:, i : i + 500]) for i in (0, 500)]
    expected = np.mean([bundle.predict(half).probabilities for half in halves], axis=0)
    np.testing.assert_allclose(bundle.predict(ecg).probabilities, expected, rtol=1e-6)


def test_a_short_recording_is_padded_with_zeros_of_the_scaled_input(
    bundle: Bundle, make_ecg: Callable[..., Recording]
) -> None:
    ecg = make_ecg(fs=100, duration=3)
    padded = np.zeros((1, 12, 500), np.float32)
    padded[0, :, :300] = ecg.signal
    expected = sigmoid(bundle.logits_of_input(padded)[0])
    np.testing.assert_allclose(bundle.predict(ecg).probabilities, expected, rtol=1e-6)


@pytest.mark.parametrize("fs", [250, 500, 1000])
def test_a_recording_at_another_rate_is_brought_to_the_models(
    bundle: Bundle, make_ecg: Callable[..., Recording], fs: float
) -> None:
    ecg = make_ecg(fs=fs, duration=5)
    assert bundle.windows(ecg).shape == (1, 12, 500)
    expected = bundle.predict(resample(ecg, 100.0)).probabilities
    np.testing.assert_array_equal(bundle.predict(ecg).probabilities, expected)


def test_the_rate_of_a_slow_signal_hardly_changes_what_a_model_says(bundle: Bundle) -> None:
    def wave(fs: int) -> Recording:
        t = np.arange(5 * fs) / fs
        signal = np.stack([np.sin(2 * np.pi * (1 + 0.3 * k) * t + k) for k in range(12)])
        return Recording(signal.astype(np.float32), fs, STANDARD_LEADS, f"W{fs}")

    base = bundle.predict(wave(100)).probabilities
    for fs in (250, 500, 1000):
        np.testing.assert_allclose(bundle.predict(wave(fs)).probabilities, base, atol=0.01)


def test_a_missing_lead_is_refused_by_name(
    bundle: Bundle, make_ecg: Callable[..., Recording]
) -> None:
    ecg = select_leads(make_ecg(fs=100), tuple(name for name in STANDARD_LEADS if name != "V3"))
    with pytest.raises(BundleError, match="R00000 lacks V3, which this model needs"):
        bundle.predict(ecg)


def test_limb_leads_that_follow_from_two_others_are_computed(
    bundle: Bundle, make_ecg: Callable[..., Recording]
) -> None:
    ecg = make_ecg(fs=100, duration=5)
    eight = select_leads(ecg, ("V6", "II", "I", "V1", "V2", "V3", "V4", "V5"))
    whole, part = (bundle.predict(item).probabilities for item in (ecg, eight))
    np.testing.assert_allclose(part, whole, rtol=1e-5)


def test_a_model_of_two_leads_takes_them_from_any_order(
    tmp_path: Path, make_ecg: Callable[..., Recording]
) -> None:
    model = load_bundle(saved(tmp_path, leads=("I", "V2")))
    ecg = make_ecg(fs=100, duration=5)
    mixed = select_leads(ecg, ("V2", "aVF", "I"))
    assert np.array_equal(model.predict(mixed).probabilities, model.predict(ecg).probabilities)


@pytest.mark.parametrize("normalisation", ["millivolt", "microvolt"])
def test_relative_units_are_refused_by_a_model_of_millivolts(
    tmp_path: Path, make_ecg: Callable[..., Recording], normalisation: str
) -> None:
    model = load_bundle(saved(tmp_path, normalisation=normalisation))
    with pytest.raises(ConfigError, match=f"'{normalisation}' needs millivolts"):
        model.predict(make_ecg(fs=100, units="relative"))


def test_relative_units_and_any_gain_suit_a_model_of_standardised_leads(
    tmp_path: Path, make_ecg: Callable[..., Recording]
) -> None:
    model = load_bundle(saved(tmp_path, normalisation="lead_zscore"))
    ecg = make_ecg(fs=100, duration=5, units="relative")
    louder = replace(ecg, signal=ecg.signal * np.float32(7))
    np.testing.assert_allclose(
        model.predict(louder).probabilities, model.predict(ecg).probabilities, rtol=1e-4
    )


def test_many_windows_in_pieces_give_the_logits_of_one_by_one(
    bundle: Bundle, small_store: Store
) -> None:
    windows = np.nan_to_num(small_store.signal(np.arange(7)))
    whole = bundle.logits_of_input(windows, batch_size=3)
    each = np.concatenate([bundle.logits_of_input(windows[i : i + 1]) for i in range(7)])
    np.testing.assert_allclose(whole, each, rtol=1e-4, atol=1e-6)


def test_the_model_card_says_what_it_is_for_and_what_it_learned_from(tmp_path: Path) -> None:
    card = (saved(tmp_path) / "README.md").read_text()
    assert NOT_A_DEVICE in card
    assert "not a medical device" in card
    assert "a hospital" in card
    for code in CODES:
        assert f"{diagnosis(code).name} ({code})" in card


def test_a_folder_without_a_model_is_an_error_of_leadlens(tmp_path: Path) -> None:
    with pytest.raises(LeadlensError, match="is not a leadlens model"):
        load_bundle(tmp_path / "nothing")
