"""The fold file: which recording is in which fold, with a hash and what is to be known of it."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from leadlens.data.folding.settings import Fold, FoldSettings
from leadlens.errors import StoreError
from leadlens.files import hash_text, read_json, write_json


class FoldFile(BaseModel):
    """The assignment of a store's recordings to folds, as kept on disk.

    Attributes:
        settings: how it was made.
        classes: codes whose positives are spread, or at least counted.
        index_sha256: of the store's index.
        assignment: recording -> fold; who is not in it takes no part.
        sha256: of the assignment.
        names: of the folds, where they are sources.
        left_out: why recordings take no part -> how many.
        n_split_groups: groups of recordings that belong together and are in several folds.
        deviation: code -> largest relative deviation of a fold from its share of the positives.
        warnings: what must be known before figures made with these folds are believed.
        file_sha256: of the user's file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    settings: FoldSettings
    classes: tuple[str, ...]
    index_sha256: str
    assignment: dict[str, int]
    sha256: str
    # Files made before these were kept lack them.
    names: tuple[str, ...] = ()
    left_out: dict[str, int] = {}
    n_split_groups: int | None = None
    deviation: dict[str, float] = {}
    warnings: tuple[str, ...] = ()
    file_sha256: str = ""

    @property
    def folds(self) -> tuple[Fold, ...]:
        """The folds, by number."""
        numbers = sorted(set(self.assignment.values()))
        return tuple(Fold(n, self.names[n] if self.names else "") for n in numbers)


def save_folds(folds: FoldFile, path: Path) -> None:
    """Write the assignment to `path`."""
    write_json(path, folds.model_dump(mode="json"))


def read_folds(path: Path) -> FoldFile:
    """Return the assignment in `path`, for whatever store, after checking that it is whole.

    Raises:
        StoreError: it is missing, is no fold file, or was changed.
    """
    try:
        folds = FoldFile.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise StoreError(f"{path} is not a fold file: {where} {first['msg']}") from error
    if folds.sha256 != hash_assignment(folds.assignment):
        raise StoreError(f"{path} was changed: its assignment does not have the hash it names")
    return folds


def hash_assignment(assignment: dict[str, int]) -> str:
    """Return the hash of an assignment, whatever the order of its keys."""
    return hash_text("\n".join(f"{key} {assignment[key]}" for key in sorted(assignment)))
