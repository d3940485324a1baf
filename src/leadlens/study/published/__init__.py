"""Published figures as data, to print beside a study's own."""

import math
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict

from leadlens.errors import choices


class Figure(BaseModel):
    """A mean over folds and its standard deviation, where that is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    mean: float
    sd: float | None = None

    def verdict(self, mean: float, sd: float) -> str:
        """Return where a mean of ours lies: "within" two spreads of both, "above", or "below".

        Args:
            mean: over our folds.
            sd: between them; NaN for a single fold counts as none.
        """
        spread = 2 * math.hypot(self.sd or 0.0, 0.0 if math.isnan(sd) else sd)
        if abs(mean - self.mean) <= spread:
            return "within"
        return "above" if mean > self.mean else "below"


class PublishedRow(BaseModel):
    """What a published study reports of one condition.

    Attributes:
        condition: "fs", "loss" and "lead_set" as studies name them, or words of its own.
        metrics: macro scores by our names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    condition: dict[str, str | float]
    metrics: dict[str, Figure]


class PublishedStudy(BaseModel):
    """What a published study reports, and under which protocol.

    Attributes:
        name, reference, protocol: for people.
        n_folds: over which its means are; None for a single test set.
        rows: its conditions, the main one first.
        challenge_by_rate: Hz -> Challenge score.
        floors: what guessing scores on its recordings, by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    reference: str
    protocol: str
    n_folds: int | None
    rows: tuple[PublishedRow, ...]
    challenge_by_rate: dict[float, float] = {}
    floors: dict[str, float] = {}


def published_study(name: str) -> PublishedStudy:
    """Return the published study called `name` (its file's name without `.yaml`)."""
    folder = resources.files("leadlens.study.published")
    names = sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml"))
    if name not in names:
        raise choices("published study", name, names)
    text = folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return PublishedStudy.model_validate(yaml.safe_load(text))
