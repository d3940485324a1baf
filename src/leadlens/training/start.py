"""What a training starts from: weights drawn at random, or those of a model trained before."""

from pathlib import Path

from torch import Tensor, nn

from leadlens.bundle import load_bundle
from leadlens.data.batches import Dataset
from leadlens.errors import ConfigError

HEAD = "head."


def start_from(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Put `weights` into a network, whose last layer they may lack, in place.

    Raises:
        ConfigError: they are those of another network.
    """
    try:
        missing, unexpected = network.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise ConfigError(f"start: weights of another network: {error}") from error
    others = [name for name in missing if not name.startswith(HEAD)] + list(unexpected)
    if others:
        raise ConfigError(
            f"start: weights of another network ({', '.join(others[:3])} do not match): "
            "start from a model of the same kind and size"
        )


def starting_weights(
    start: Path | None, data: Dataset, *, is_final: bool = False
) -> dict[str, Tensor] | None:
    """Return the weights of the model in the folder `start`; None where there is none.

    Its last layer is cut to the diagnoses of `data`; one that it does not know leaves the whole
    layer to be drawn at random, unless the model is taken as it is.

    Args:
        start: the folder.
        data: what will be learned from.
        is_final: whether nothing will be trained.

    Raises:
        ConfigError: the model has other leads, another rate or another scale than `data`, or is
            taken as it is and does not know all diagnoses.
        BundleError: there is no such model.
    """
    if start is None:
        return None
    bundle = load_bundle(start)
    config = bundle.config
    theirs = config.leads, config.fs, config.normalisation
    if theirs != (data.leads, data.store.fs, data.normalisation):
        raise ConfigError(
            f"{start} has {len(config.leads)} leads, {config.fs:g} Hz and scale "
            f"'{config.normalisation}'; this training has {len(data.leads)}, {data.store.fs:g} Hz "
            f"and '{data.normalisation}': start from a model with the same"
        )
    weights = bundle.model.state_dict()
    unknown = [code for code in data.classes if code not in config.classes]
    if unknown and is_final:
        raise ConfigError(
            f"{start} does not know {', '.join(unknown)}, and epochs=0 would not teach it: "
            "train for some epochs, or leave these diagnoses out"
        )
    if unknown:
        return {name: value for name, value in weights.items() if not name.startswith(HEAD)}
    rows = [config.classes.index(code) for code in data.classes]
    return {
        name: value[rows] if name.startswith(HEAD) else value for name, value in weights.items()
    }
