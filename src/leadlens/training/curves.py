"""Curves of a training, for TensorBoard."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from leadlens.errors import ConfigError, require_extra


def prepare(folder: Path) -> None:
    """Make the folder, before anything is trained for it.

    Raises:
        MissingExtraError: TensorBoard is not installed.
        ConfigError: no folder can be there.
    """
    require_extra("tensorboard", "curves", "writing TensorBoard's curves")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"no curves can be written into {folder} ({error.strerror}): give another folder"
        ) from error


@contextmanager
def curves_in(folder: Path | None) -> Iterator[Callable[[dict[str, float]], None]]:
    """Give a listener that writes epochs' records into `folder`; with None one that does nothing.

    A training that goes on after an interruption goes on with its curves: what they already say of
    later epochs is dropped. To be seen with `tensorboard --logdir FOLDER`.

    Raises:
        MissingExtraError: TensorBoard is not installed.
        ConfigError: no folder can be there.
    """
    if folder is None:
        yield lambda record: None  # noqa: ARG005
        return
    prepare(folder)
    from torch.utils.tensorboard.writer import SummaryWriter

    writers: list[SummaryWriter] = []

    def draw(record: dict[str, float]) -> None:
        epoch = int(record["epoch"]) + 1
        if not writers:
            writers.append(SummaryWriter(str(folder), purge_step=epoch))
        for name, value in record.items():
            if name != "epoch":
                writers[0].add_scalar(name.replace("_", " "), value, epoch)
        writers[0].flush()

    try:
        yield draw
    finally:
        for writer in writers:
            writer.close()
