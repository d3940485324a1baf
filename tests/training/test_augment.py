"""Augmentation: physics, missing leads, levels, labels, and the same draws again."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import signal as dsp

from leadlens.ecg.leads import LEAD_SETS, LIMB_FROM_I_II, STANDARD_FROM_INDEPENDENT, STANDARD_LEADS
from leadlens.ecg.preprocess import NORMALISATIONS, Normalisation
from leadlens.errors import ConfigError
from leadlens.models.loss_settings import (
    AsymmetricSettings,
    BceSettings,
    DoubleSoftF1Settings,
    FocalSettings,
    LossSettings,
    SoftF1Settings,
)
from leadlens.models.registry import build_loss
from leadlens.training.augment import augment
from leadlens.training.augment_settings import BEST, NONE, AugmentSettings, Part
from leadlens.training.feed import Fed

SEED = (3, 1, 4)
NOISES = ("wander", "white", "pink", "mains")
SIZES = {"wander": 0.2, "white": 0.1, "pink": 0.1, "mains": 0.1, "gain": 0.3, "shift": 0.7,
         "mixup": 0.5, "lead_dropout": 0.5}  # fmt: skip
AMPLITUDES = (*NOISES, "gain", "shift", "mixup")
EVERYTHING = AugmentSettings(**{name: Part(probability=0.7, size=SIZES[name]) for name in SIZES})


def only(name: str, probability: float = 1.0, size: float | None = None) -> AugmentSettings:
    """Return settings with one part on."""
    return AugmentSettings(
        **{name: Part(probability=probability, size=SIZES[name] if size is None else size)}
    )


def make_fed(
    leads: tuple[str, ...] = STANDARD_LEADS, n: int = 16, n_samples: int = 500, seed: int = 0
) -> Fed:
    """Return a batch in mV that obeys the limb-lead equations, with some labels unknown."""
    rng = np.random.default_rng(seed)
    twelve = STANDARD_FROM_INDEPENDENT @ rng.normal(0.0, 0.3, (n, 8, n_samples))
    signal = twelve[:, [STANDARD_LEADS.index(lead) for lead in leads]].astype(np.float32)
    mask = rng.random((n, 5)) < 0.8
    labels = (rng.random((n, 5)) < 0.4) & mask
    tensors = (torch.from_numpy(values.astype(np.float32)) for values in (signal, labels, mask))
    person = torch.from_numpy(rng.normal(size=(n, 4)).astype(np.float32))
    return Fed(*tensors, person, np.arange(n))


def silent(fed: Fed, size: float) -> Fed:
    """Return the batch with one `size` everywhere, too small to count beside noise."""
    return replace(fed, signal=torch.full_like(fed.signal, size))


def augmented(
    fed: Fed,
    settings: AugmentSettings,
    leads: tuple[str, ...] = STANDARD_LEADS,
    normalisation: Normalisation = "millivolt",
    fs: float = 250.0,
    seed: tuple[int, ...] = SEED,
) -> torch.Tensor:
    """Return only the signal."""
    return augment(fed, settings, leads, normalisation, fs, seed).signal


@pytest.mark.parametrize("name", AMPLITUDES)
def test_the_limb_lead_equations_hold_after_each_change_of_amplitude_and_time(name: str) -> None:
    fed = make_fed()
    signal = augmented(fed, only(name))
    assert not torch.allclose(signal, fed.signal, atol=1e-2)
    limb = torch.from_numpy(LIMB_FROM_I_II.astype(np.float32)) @ signal[:, :2]
    assert (signal[:, :6] - limb).abs().max() < 1e-5


@pytest.mark.parametrize("leads", LEAD_SETS.values(), ids=LEAD_SETS.keys())
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_every_lead_set_and_scale_is_augmented_in_its_own_shape_and_kind(
    leads: tuple[str, ...], normalisation: Normalisation
) -> None:
    fed = make_fed(leads)
    changed = augment(fed, EVERYTHING, leads, normalisation, 250.0, SEED)
    assert changed.signal.shape == fed.signal.shape
    tensors = (changed.signal, changed.labels, changed.label_mask, changed.person)
    assert {tensor.dtype for tensor in tensors} == {torch.float32}
    assert changed.signal.isfinite().all()
    assert not torch.equal(changed.signal, fed.signal)


@pytest.mark.parametrize("settings", [EVERYTHING, *map(only, SIZES)], ids=["all", *SIZES])
def test_the_same_numbers_give_the_same_batch_and_others_another(
    settings: AugmentSettings,
) -> None:
    fed = make_fed()
    first = augmented(fed, settings)
    torch.rand(1)
    assert torch.equal(first, augmented(fed, settings))
    for other in ((4, 1, 4), (3, 2, 4), (3, 1, 5)):
        assert not torch.equal(first, augmented(fed, settings, seed=other))


def test_what_goes_in_stays_as_it_is() -> None:
    fed, kept = make_fed(), make_fed()
    augment(fed, EVERYTHING, STANDARD_LEADS, "millivolt", 250.0, SEED)
    assert torch.equal(fed.signal, kept.signal)
    assert torch.equal(fed.labels, kept.labels)
    assert torch.equal(fed.label_mask, kept.label_mask)
    assert torch.equal(fed.person, kept.person)


@pytest.mark.parametrize(
    "settings", [NONE, AugmentSettings(wander=Part(size=1.0), mixup=Part(probability=1.0))]
)
def test_parts_without_a_probability_or_a_size_change_nothing(settings: AugmentSettings) -> None:
    fed = make_fed()
    same = augment(fed, settings, STANDARD_LEADS, "millivolt", 250.0, SEED)
    assert torch.equal(same.signal, fed.signal)
    assert torch.equal(same.labels, fed.labels)
    assert torch.equal(same.label_mask, fed.label_mask)
    assert torch.equal(same.person, fed.person)


@pytest.mark.parametrize("name", [*NOISES, "gain"])
def test_a_part_acts_on_its_share_of_the_recordings(name: str) -> None:
    fed = make_fed(n=800, n_samples=50)
    changed = (augmented(fed, only(name, 0.3)) != fed.signal).any(2).any(1)
    assert changed.float().mean() == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_missing_leads_and_padding_stay_zero(normalisation: Normalisation) -> None:
    fed = make_fed()
    fed.signal[0, 6:] = 0.0
    fed.signal[1, :, 300:] = 0.0
    fed.signal[2] = 0.0
    # One sample of 0 mV is no gap: the equations would break if it got no noise.
    fed.signal[3, 0, 100] = 0.0
    noisy = AugmentSettings(**{name: Part(probability=1, size=0.1) for name in (*NOISES, "gain")})
    signal = augmented(fed, noisy, normalisation=normalisation)
    assert not signal[0, 6:].any()
    assert not signal[1, :, 300:].any()
    assert not signal[2].any()
    assert signal[3, 0, 100] != 0
    assert (signal[0, :6] != 0).all()
    assert (signal[1, :, :300] != 0).all()


@pytest.mark.parametrize("name", NOISES)
def test_noise_has_the_level_asked_for_in_leads_i_to_iii(name: str) -> None:
    fed = silent(make_fed(n=1500, n_samples=160), 1e-9)
    level = augmented(fed, only(name, size=0.2), fs=125.0).square().mean((0, 2)).sqrt()
    assert level[:3].mean() == pytest.approx(0.2, rel=0.05)
    # aVR to aVF lie between one electrode and the mean of two, V leads between one and three.
    assert level[3:6].mean() == pytest.approx(0.2 * np.sqrt(1.5 / 2), rel=0.05)
    assert level[6:].mean() == pytest.approx(0.2 * np.sqrt((1 + 1 / 3) / 2), rel=0.05)


def test_noise_is_in_the_unit_of_the_input() -> None:
    fed = make_fed()
    parts = {name: Part(probability=0.5, size=0.1) for name in NOISES}
    noise = {
        scale: augmented(fed, AugmentSettings(**parts), normalisation=scale) - fed.signal
        for scale in ("millivolt", "microvolt")
    }
    assert torch.allclose(noise["microvolt"], 1000 * noise["millivolt"], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", NOISES)
def test_noise_of_standardised_leads_is_each_leads_own_in_standard_deviations(name: str) -> None:
    fed = silent(make_fed(n=1500, n_samples=160), 1e-9)
    noise = augmented(fed, only(name, size=0.2), normalisation="lead_zscore", fs=125.0)
    covariance = torch.einsum("nlt,nmt->lm", noise, noise) / (1500 * 160)
    # 0.2 mV are taken for one standard deviation.
    assert torch.allclose(covariance, torch.eye(12), rtol=0.15, atol=0.1)


def spectrum(name: str, fs: float) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies (Hz) and the mean power of a noise in lead I there."""
    fed = silent(make_fed(("I", "II"), n=40, n_samples=8192), 1e-9)
    noise = augmented(fed, only(name), ("I", "II"), fs=fs)[:, 0].numpy()
    frequency, power = dsp.welch(noise, fs, window="hann", nperseg=4096, detrend=False)
    return frequency, power.mean(axis=0)


def test_wander_lies_below_half_a_hertz() -> None:
    frequency, power = spectrum("wander", 100.0)
    assert power[frequency > 0.6].sum() < 1e-4 * power.sum()


def test_white_noise_is_even_and_pink_falls_as_one_over_the_frequency() -> None:
    for name, slope in (("white", 0.0), ("pink", -1.0)):
        frequency, power = spectrum(name, 100.0)
        band = (frequency > 1) & (frequency < 45)
        fitted = np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0]
        assert fitted == pytest.approx(slope, abs=0.1)


def test_mains_hums_at_50_and_60_hertz_where_the_rate_carries_them() -> None:
    frequency, power = spectrum("mains", 500.0)
    peaks = np.minimum(abs(frequency - 50), abs(frequency - 60)) < 1
    assert power[peaks].sum() > 0.999 * power.sum()
    frequency, power = spectrum("mains", 110.0)
    assert power[abs(frequency - 50) < 1].sum() > 0.999 * power.sum()
    fed = make_fed()
    assert torch.equal(augmented(fed, only("mains"), fs=100.0), fed.signal)


def test_gain_is_one_factor_a_recording_so_leads_keep_their_ratio() -> None:
    fed = make_fed(n=2000, n_samples=20)
    ratio = augmented(fed, only("gain", size=0.2)) / fed.signal
    factor = ratio[:, :1, :1]
    assert torch.allclose(ratio, factor.expand_as(ratio), rtol=1e-5, atol=0.0)
    assert factor.log().std() == pytest.approx(0.2, rel=0.05)
    assert factor.log().mean() == pytest.approx(0.0, abs=0.02)
    assert torch.equal(augmented(fed, only("gain"), normalisation="lead_zscore"), fed.signal)


def test_a_shift_moves_all_leads_together_and_knows_nothing_beyond() -> None:
    fed = make_fed(n=300, n_samples=100)
    shifted = augmented(fed, only("shift", size=0.1), fs=100.0)
    shifts = set()
    for before, after in zip(fed.signal, shifted, strict=True):
        n_left = int((after[0] != 0).nonzero()[0])
        n_right = 99 - int((after[0] != 0).nonzero()[-1])
        shift = n_left - n_right
        assert min(n_left, n_right) == 0
        assert torch.equal(after[:, n_left : 100 - n_right], before[:, n_right : 100 - n_left])
        assert not after[:, :n_left].any()
        assert not after[:, 100 - n_right :].any()
        shifts.add(shift)
    assert shifts == set(range(-10, 11))


def test_a_shift_longer_than_the_window_leaves_half_of_it() -> None:
    shifted = augmented(make_fed(n=100, n_samples=40), only("shift", size=9.0), fs=100.0)
    assert (shifted != 0).any(1).sum(1).min() >= 20


@pytest.mark.parametrize("size", [0.3, 1.0])
def test_lead_dropout_takes_whole_leads_but_never_all(size: float) -> None:
    fed = make_fed(n=600, n_samples=30)
    fed.signal[:200, 3:] = 0.0
    signal = augmented(fed, only("lead_dropout", size=size))
    has_lead = (signal != 0).any(2)
    assert has_lead.any(1).all()
    assert torch.equal(signal, torch.where(has_lead[:, :, None], fed.signal, 0.0))
    lost = 1 - has_lead[200:].float().mean()
    assert lost == pytest.approx(min(size, 11 / 12), abs=0.03)


def test_mixed_labels_lie_between_and_belong_to_the_mixed_signals() -> None:
    fed = make_fed(n=200, n_samples=20)
    # The signal tells whose it is: recording k is k everywhere.
    fed.signal[:] = torch.arange(1.0, 201.0)[:, None, None]
    changed = augment(fed, only("mixup", 0.5), STANDARD_LEADS, "millivolt", 100.0, SEED)
    signal, labels = changed.signal, changed.labels
    assert (labels >= 0).all()
    assert (labels <= 1).all()
    is_soft = ((labels > 0) & (labels < 1)).any(1)
    value = signal[:, 0, 0]
    own = torch.arange(1.0, 201.0)
    assert 0.2 < (value != own).float().mean() < 0.6
    assert torch.equal(labels[value == own], fed.labels[value == own])
    assert is_soft.any()
    # Each soft label has a weight at which some partner gives both this label and this signal.
    for row in is_soft.nonzero()[:, 0]:
        weight = (value[row] - own) / (own[row] - own)
        told = weight[:, None] * fed.labels[row] + (1 - weight[:, None]) * fed.labels
        fits = (told - labels[row]).abs().amax(1) < 1e-3
        assert (fits & (weight >= 0.499) & (weight <= 1)).any()


def test_what_is_unknown_in_either_of_two_is_unknown_in_their_mixture() -> None:
    fed = make_fed(n=2)
    fed.label_mask[:] = torch.tensor([[1.0, 1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0, 1.0]])
    both = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0])
    seen = set()
    for number in range(20):
        seed = (0, 0, number)
        changed = augment(fed, only("mixup", 0.5), STANDARD_LEADS, "millivolt", 100.0, seed)
        signal, mask = changed.signal, changed.label_mask
        for row in range(2):
            is_mixed = not torch.equal(signal[row], fed.signal[row])
            assert torch.equal(mask[row], both if is_mixed else fed.label_mask[row])
            seen.add(is_mixed)
    assert seen == {True, False}


SOFTLY = [
    BceSettings(),
    FocalSettings(),
    AsymmetricSettings(),
    SoftF1Settings(),
    DoubleSoftF1Settings(memory=0.5),
]


@pytest.mark.parametrize("settings", SOFTLY, ids=lambda each: each.name)
def test_every_loss_takes_soft_labels(settings: LossSettings) -> None:
    fed = augment(make_fed(), EVERYTHING, STANDARD_LEADS, "millivolt", 250.0, SEED)
    labels, mask = fed.labels, fed.label_mask
    logits = torch.zeros_like(labels, requires_grad=True)
    loss = build_loss(settings, tuple("abcdefghijkl"[: labels.shape[1]]))
    cost = loss(logits, labels, mask)
    cost.backward()
    assert cost.isfinite()
    assert logits.grad is not None
    assert (logits.grad != 0).any()
    # A label of 0.7 pulls less than one of 1 and more than one of 0.
    given = logits.detach() + 3.0
    sure = [float(loss(given, torch.full_like(labels, y), torch.ones_like(mask)))
            for y in (0.0, 0.7, 1.0)]  # fmt: skip
    assert sure[0] > sure[1] > sure[2]


def test_noise_for_a_lead_that_the_electrodes_do_not_give_is_refused() -> None:
    fed = make_fed(("I", "II"))
    with pytest.raises(ConfigError, match="Vx"):
        augmented(fed, BEST, ("I", "Vx"))
    augmented(fed, BEST, ("I", "Vx"), normalisation="lead_zscore")
    augmented(fed, only("gain"), ("I", "Vx"))


def test_settings_refuse_what_cannot_be() -> None:
    for values in ({"probability": 1.5}, {"size": -1.0}, {"size": float("inf")}, {"rate": 1.0}):
        with pytest.raises(ValueError, match=next(iter(values))):
            Part(**values)
    with pytest.raises(ValueError, match="share of the leads"):
        AugmentSettings(lead_dropout=Part(probability=0.1, size=1.1))
    assert AugmentSettings.model_validate(BEST.model_dump(mode="json")) == BEST
