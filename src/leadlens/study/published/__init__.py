"""Published figures as data, to print beside a study's own."""

import math
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict

from leadlens.errors import choices


class Figure(BaseModel):
    """A mean over folds and its standard deviation."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    mean: float
    sd: float

    def verdict(self, mean: float, sd: float) -> str:
        """Return where a mean of ours lies: "within" two spreads of both, "above", or "below".

        Args:
            mean: over our folds.
            sd: between them; NaN for a single fold counts as none.
        """
        spread = 2 * math.hypot(self.sd, 0.0 if math.isnan(sd) else sd)
        if abs(mean - self.mean) <= spread:
            return "within"
        return "above" if mean > self.mean else "below"


class PublishedStudy(BaseModel):
    """What a published study reports, and under which protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    reference: str
    protocol: str
    condition: dict[str, str | float]
    n_folds: int
    metrics: dict[str, Figure]
    challenge_by_rate: dict[float, float]
    floors: dict[str, float]


def published_study(name: str) -> PublishedStudy:
    """Return the published study called `name` (its file's name without `.yaml`)."""
    folder = resources.files("leadlens.study.published")
    names = sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml"))
    if name not in names:
        raise choices("published study", name, names)
    text = folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return PublishedStudy.model_validate(yaml.safe_load(text))
