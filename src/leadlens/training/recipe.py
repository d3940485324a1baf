"""Recipe: everything between training recordings and a model that decides.

Inner recordings are set aside, networks are trained, and what is chosen by looking at scores
(when to stop, calibration, thresholds) is chosen on the inner recordings. The recordings that a
score is reported on are no argument of anything here, but for the published leak.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from leadlens.data.batches import Dataset
from leadlens.ecg.diagnoses import diagnosis
from leadlens.errors import ConfigError
from leadlens.evaluation.calibration import Calibration, fit_calibration
from leadlens.evaluation.challenge import SINUS_RHYTHM
from leadlens.evaluation.leaks import check_apart
from leadlens.evaluation.thresholds import ThresholdRule, choose_thresholds
from leadlens.models.ensemble import joined
from leadlens.models.person import WithPerson, last_layer
from leadlens.models.registry import build_model
from leadlens.training.checkpoint import History
from leadlens.training.fit import fit, predict
from leadlens.training.inner import inner_splits
from leadlens.training.settings import TrainingSettings
from leadlens.training.start import starting_weights
from leadlens.training.world import ALONE, World

_MEMBER_SEEDS = 1000
"""Between the seeds of an ensemble's members: folds take the numbers in between."""

Said = tuple[Dataset, Float32[np.ndarray, "n class"]]
"""Inner recordings, and the probabilities that a network gave them which has not seen them."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A network with what turns its logits into decisions.

    Attributes:
        network: one network, or an ensemble as one; calibrated, where that was asked for.
        thresholds: of each class.
        rules: the thresholds that each rule would have given; of "fixed" alone without inner
            recordings, and not of "challenge" where sinus rhythm is not known in them.
        history: each epoch's record, of all members in turn.
    """

    network: nn.Module
    thresholds: tuple[float, ...]
    rules: dict[ThresholdRule, tuple[float, ...]]
    history: History


def train(
    data: Dataset,
    settings: TrainingSettings,
    device: torch.device,
    scratch: Path,
    start: Path | None = None,
    leak: Dataset | None = None,
    on_epoch: Callable[[dict[str, float]], None] | None = None,
    world: World = ALONE,
) -> Trained:
    """Return a model trained on `data` as `settings` say; interrupted, the same call goes on.

    Args:
        data: the training recordings, out of which the inner ones come.
        settings: how.
        device: where.
        scratch: folder for checkpoints; `forget` empties it.
        start: folder of a model whose weights training starts from.
        leak: the recordings that are reported, for the schedule `published_plateau` alone.
        on_epoch: called with each epoch's record, which counts on from member to member.
        world: the processes that train together.

    Raises:
        ConfigError: too few recordings, or a model to start from that does not fit.
        TrainingError: a loss is not a number, or a damaged checkpoint.
        LeakError: a recording on which something is chosen is also learned from.
    """
    splits = inner_splits(data, settings.inner, settings.members, settings.seed)
    weights = starting_weights(start, data, settings)
    networks: list[nn.Module] = []
    history: History = []
    said: list[Said] = []
    for learned, inner in splits:
        _check(learned, inner, settings)
    for number, (learned, inner) in enumerate(splits):
        own = settings.model_copy(update={"seed": settings.seed + _MEMBER_SEEDS * number})
        monitor = leak if settings.schedule == "published_plateau" else inner
        told = _counting_on(on_epoch, len(history))
        network, records = fit(
            learned, own, device, checkpoint(scratch, number), monitor, told, weights, world
        )
        networks.append(network)
        history += [{**r, "epoch": r["epoch"] + len(history)} for r in records]
        if inner is not None:
            said.append((inner, _calibrated(network, inner, settings, device)))
    rules = _thresholds(said, settings, data.classes)
    return Trained(joined(networks), rules[settings.thresholds], rules, history)


def checkpoint(scratch: Path, number: int) -> Path:
    """Return where a member's checkpoint lies."""
    return scratch / f"checkpoint-{number}.safetensors"


def forget(scratch: Path) -> None:
    """Delete the checkpoints of a finished training, or of one with other settings."""
    for path in scratch.glob("checkpoint-*.safetensors"):
        path.unlink()


def calibrate(network: nn.Module, calibration: Calibration) -> None:
    """Make a network's logits calibrated ones, by the weights of its last layer, in place.

    So whatever reads the network's logits, an explanation too, reads calibrated ones.

    Raises:
        ConfigError: it has no linear layer with offsets called `head`.
    """
    head = last_layer(network)
    with torch.no_grad():
        slopes, offsets = (
            torch.tensor(values, dtype=head.weight.dtype, device=head.weight.device)
            for values in (calibration.slopes, calibration.offsets)
        )
        head.weight *= slopes[:, None]
        head.bias.mul_(slopes).add_(offsets)
        if isinstance(network, WithPerson):
            network.added.weight *= slopes[:, None]


def _check(learned: Dataset, inner: Dataset | None, settings: TrainingSettings) -> None:
    """Refuse, before any training, what could only fail or mislead after it."""
    if inner is None:
        return
    check_apart("what is learned from", learned.keys, "what is set aside", inner.keys)
    if settings.is_calibrated:
        sizes = len(learned.leads), len(learned.classes)
        last_layer(build_model(settings.model, *sizes, fs=learned.store.fs))
    if settings.thresholds == "challenge" and not _knows_sinus(inner):
        raise ConfigError(
            "thresholds 'challenge' need sinus rhythm (NSR), from which that score is measured, "
            "trained and known in an inner recording: take thresholds=f1"
        )


def _knows_sinus(inner: Dataset) -> bool:
    """Return whether sinus rhythm is trained, and known in a recording."""
    sinus = diagnosis(SINUS_RHYTHM).code
    return sinus in inner.classes and bool(inner.labels[1][:, inner.classes.index(sinus)].any())


def _calibrated(
    network: nn.Module, inner: Dataset, settings: TrainingSettings, device: torch.device
) -> Float32[np.ndarray, "n class"]:
    """Return what a network says of inner recordings, after calibrating it if that is asked for."""
    said = predict(network, inner, device)
    if not settings.is_calibrated:
        return said
    calibrate(network, fit_calibration(*inner.labels, said))
    return predict(network, inner, device)


def _thresholds(
    said: list[Said], settings: TrainingSettings, classes: tuple[str, ...]
) -> dict[ThresholdRule, tuple[float, ...]]:
    """Return each rule's thresholds, chosen on the inner recordings of all members together."""
    fixed: dict[ThresholdRule, tuple[float, ...]] = {"fixed": (settings.threshold,) * len(classes)}
    if not said:
        return fixed
    labels, known = (np.concatenate([inner.labels[i] for inner, _ in said]) for i in (0, 1))
    probabilities = np.concatenate([values for _, values in said])
    rules: list[ThresholdRule] = ["f1"]
    if any(_knows_sinus(inner) for inner, _ in said):
        rules.append("challenge")
    return fixed | {
        rule: tuple(choose_thresholds(labels, known, probabilities, rule, classes).tolist())
        for rule in rules
    }


def _counting_on(
    on_epoch: Callable[[dict[str, float]], None] | None, n_before: int
) -> Callable[[dict[str, float]], None] | None:
    """Return a listener to whom epochs count on from those of the members before."""
    if on_epoch is None:
        return None
    return lambda record: on_epoch({**record, "epoch": record["epoch"] + n_before})
