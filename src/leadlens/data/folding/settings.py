"""How recordings are dealt to folds, and which folds are tested."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leadlens.errors import ConfigError

FoldMethod = Literal["stratified", "label_combination", "by_source", "given"]

COUNTED: Final = ("stratified", "label_combination")
"""The methods that make as many folds as they are told; the others find them in the data."""

_DEFAULT_K: Final = 10


class FoldSettings(BaseModel):
    """How recordings are dealt to folds.

    Attributes:
        k: number of folds (default 10); of `by_source` and `given` the data say it.
        method: "stratified", groups dealt so that every diagnosis is spread; "label_combination",
            as published, patients ignored; "by_source", one fold a source; "given", the data set's
            own folds, or those of `file`.
        seed: of the dealing.
        file: of "given": a CSV file (record, fold) or a fold file; None, the store's index.
        allow_split: of "given": whether recordings that belong together may be in several folds.
        unused: of "given": folds whose recordings take no part.
        tested: folds (numbers, or sources) that are tested, each by networks trained on all others
            (default: all).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    k: int | None = Field(default=None, ge=2, le=1000)
    method: FoldMethod = "stratified"
    seed: int = 42
    file: Path | None = None
    allow_split: bool = False
    unused: tuple[int, ...] = ()
    tested: tuple[int | str, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_k(cls, values: Any) -> Any:
        """Put in the default number of folds where there is one."""
        if not isinstance(values, dict) or values.get("k") is not None:
            return values
        is_counted = values.get("method", "stratified") in COUNTED
        return {**values, "k": _DEFAULT_K if is_counted else None}

    @model_validator(mode="after")
    def _agree(self) -> "FoldSettings":
        """Refuse settings that another method has."""
        if self.method not in COUNTED and self.k is not None:
            raise ValueError(
                f"k {self.k} with method '{self.method}': the data say how many folds there are; "
                "leave k out"
            )
        only_given = {"file": self.file, "allow_split": self.allow_split, "unused": self.unused}
        for name, value in only_given.items():
            if value and self.method != "given":
                raise ValueError(f"'{name}' is for method 'given', not '{self.method}'")
        if self.tested is not None and not self.tested:
            raise ValueError("'tested' names no fold: leave it out to test all")
        return self


@dataclass(frozen=True)
class Fold:
    """One fold.

    Attributes:
        number: in the fold file.
        name: the source, where folds are sources; else "".
    """

    number: int
    name: str = ""

    @property
    def label(self) -> str:
        """What the fold is called: its source, or its number."""
        return self.name or str(self.number)


def folds_tested(settings: FoldSettings, folds: tuple[Fold, ...]) -> tuple[Fold, ...]:
    """Return those of `folds` that are tested.

    Raises:
        ConfigError: the settings name a fold that is not there.
    """
    if settings.tested is None:
        return folds
    labels = {fold.label for fold in folds}
    wanted = {str(item) for item in settings.tested}
    if strange := sorted(wanted - labels):
        raise ConfigError(
            f"folds.tested names '{strange[0]}', which is no fold: there are {listed(folds)}"
        )
    return tuple(fold for fold in folds if fold.label in wanted)


def listed(folds: tuple[Fold, ...]) -> str:
    """Return what the folds are called; of many, the first and the last."""
    labels = [fold.label for fold in folds]
    if len(labels) > 20:
        labels = [*labels[:3], "...", labels[-1]]
    return ", ".join(labels)
