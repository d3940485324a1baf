"""A model explained on a whole store: who is explained, their maps, and which rows are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leadlens.bundle import load_bundle
from leadlens.data.store import open_store
from leadlens.engines.engine import Engine
from leadlens.engines.local import ONE_PROCESS
from leadlens.errors import StoreError
from leadlens.evaluation.skill import Skill, skills_of
from leadlens.explain.gates import class_gate
from leadlens.explain.global_map import GlobalMap, MapBuilder
from leadlens.explain.sampling import Chosen, choose
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.survey import OnProgress, Survey, Surveyed, run_survey
from leadlens.training.fit import predict
from leadlens.training.single import dataset_for


@dataclass(frozen=True, eq=False)
class StoreMap:
    """A model's maps over a store.

    Attributes:
        maps: by kind of player: lead, piece, timing.
        withheld: code -> why its rows are not shown.
        refused: recording -> why it could not be explained.
        n_explained: recordings.
    """

    maps: dict[str, GlobalMap]
    withheld: dict[str, str]
    refused: dict[str, str]
    n_explained: int


def map_store(
    bundle: Path,
    store: Path,
    folder: Path,
    n_per_class: int,
    settings: ExplainSettings,
    engine: Engine = ONE_PROCESS,
    on_progress: OnProgress | None = None,
) -> StoreMap:
    """Return the maps of a model over a store; what was explained before in `folder` is kept.

    Args:
        bundle: the model's folder.
        store: recordings that the model has not seen, at its rate or above.
        folder: where the explanations are kept (and the store at the model's rate).
        n_per_class: recordings with each diagnosis, and wrongly given it, at most.
        settings: of each explanation.
        engine: who explains.
        on_progress: called with how many recordings are done, and of how many.

    Raises:
        StoreError: the store does not fit the model, the folder holds other explanations, or no
            recording could be explained.
    """
    model = load_bundle(bundle)
    data = dataset_for(model, open_store(store), folder)
    labels, known = data.labels
    said = predict(model.model, data, next(model.model.parameters()).device)
    given = said > np.array(model.config.thresholds, dtype=np.float32)
    counts = choose(labels, known, given, n_per_class, settings.seed)
    (index,) = np.nonzero(np.any([of.any(axis=1) for of in counts.values()], axis=0))
    positions = tuple(data.recordings[index].tolist())
    survey = Survey(bundle.resolve(), data.store.path.resolve(), positions, settings)
    surveyed = run_survey(survey, folder / "explanations", engine, on_progress)
    maps = maps_of({"": (surveyed, {verdict: of[index] for verdict, of in counts.items()})})
    keys = data.store.keys
    return StoreMap(
        maps=maps,
        withheld=withheld_of(skills_of(labels, known, said), maps["lead"]),
        refused={keys[positions[n]]: why for n, why in surveyed.refused().items()},
        n_explained=len(positions),
    )


def maps_of(folds: Mapping[str, tuple[Surveyed, Chosen]]) -> dict[str, GlobalMap]:
    """Return the map of each kind of player over the explanations of one fold or several.

    Args:
        folds: name -> what was explained, each fold by its own model, and where it counts.

    Raises:
        StoreError: no recording could be explained.
    """
    builders: dict[str, MapBuilder] = {}
    for fold, (surveyed, counts) in folds.items():
        for number, attribution in surveyed:
            verdicts = {verdict: of[number] for verdict, of in counts.items()}
            for kind, each in attribution.sums.items():
                new = MapBuilder(attribution.classes, kind, each.names)
                builders.setdefault(kind, new).add(attribution, verdicts, fold)
    if not builders:
        refused = (why for surveyed, _ in folds.values() for why in surveyed.refused().values())
        why = next(refused, "there is none with a known diagnosis")
        raise StoreError(f"no recording could be explained: {why}")
    return {kind: builder.finish() for kind, builder in builders.items()}


def withheld_of(skills: Sequence[Skill], summary: GlobalMap) -> dict[str, str]:
    """Return why rows of a map are not shown, by code; `skills` are those of its classes."""
    cells = summary.all_with
    reasons = {
        code: class_gate(skill, int(n), float(np.nan_to_num(r2)))
        for code, skill, n, r2 in zip(
            summary.classes, skills, cells.n_recordings, cells.r2, strict=True
        )
    }
    return {code: reason for code, reason in reasons.items() if reason}
