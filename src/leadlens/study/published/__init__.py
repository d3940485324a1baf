"""Published figures as data, to print beside a study's own."""

from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict

from leadlens.errors import choices


class Figure(BaseModel):
    """A mean over folds and its standard deviation."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    mean: float
    sd: float


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
