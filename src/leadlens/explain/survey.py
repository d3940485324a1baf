"""A survey: many recordings of a store explained, in parts, on any engine.

A part (part-00000.npz) is whole or absent; parts that exist are kept, so a survey that was killed
goes on. Recordings that cannot be explained are listed with the reason.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import torch

from leadlens.bundle import Bundle, BundleConfig, load_bundle
from leadlens.data.store import Store, open_store
from leadlens.ecg.recording import Units
from leadlens.engines.engine import Engine
from leadlens.engines.local import ONE_PROCESS
from leadlens.errors import SignalError, StoreError
from leadlens.explain.attribution import Attribution, Summed
from leadlens.explain.background import load_background
from leadlens.explain.explainers import explainer
from leadlens.explain.paper_lime import displayed
from leadlens.explain.players import make_players
from leadlens.explain.replacement import check_has_twin
from leadlens.explain.sampling import drawn_window
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import explain_window
from leadlens.files import hash_text, only_writer, read_json, write_json, written_beside
from leadlens.settings import differences

_PLAN: Final = "survey.json"
_PLAIN: Final = ("values", "standard_error", "r2", "logits", "n_forwards")

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Survey:
    """What is explained: one window of each of some recordings of a store.

    Of a long recording it is drawn (`drawn_window`); a model of shorter windows sees its beginning.

    Attributes:
        bundle: the model's folder.
        store: the store's folder, at the model's rate.
        positions: of the recordings in the store.
        settings: of each explanation.
        part_size: recordings of a part: seconds to a minute of work.
        asked: of each position the diagnoses that are wanted, for an explainer that pays for each;
            None: all.
    """

    bundle: Path
    store: Path
    positions: tuple[int, ...]
    settings: ExplainSettings
    part_size: int = 16
    asked: tuple[tuple[str, ...], ...] | None = None

    @property
    def spans(self) -> list[tuple[int, ...]]:
        """The positions of each part."""
        size = self.part_size
        starts = range(0, len(self.positions), size)
        return [self.positions[start : start + size] for start in starts]

    def identity(self) -> dict[str, Any]:
        """Return what the explanations depend on."""
        settings = self.settings.model_dump(mode="json")
        if self.settings.background is not None:
            # What is in it counts, not where it lies: a study may be moved.
            settings["background"] = load_background(self.settings.background).sha256
        more = {} if self.asked is None else {"asked": hash_text(repr(self.asked))}
        return {
            "weights": load_bundle(self.bundle).config.weights_sha256,
            "index": open_store(self.store).manifest.index_sha256,
            "recordings": hash_text(repr(self.positions)),
            "settings": settings,
            "part_size": self.part_size,
            "windows": "drawn",
            **more,
        }


def run_survey(
    survey: Survey,
    folder: Path,
    engine: Engine = ONE_PROCESS,
    on_progress: OnProgress | None = None,
    replaces: bool = False,
) -> "Surveyed":
    """Return the explanations of a survey, kept in `folder`; what is there already is not redone.

    Args:
        survey: what is explained.
        folder: where.
        engine: who does it.
        on_progress: called with how many recordings are done, and of how many.
        replaces: whether another survey in the folder is deleted.

    Raises:
        StoreError: the folder holds another survey, or another run is writing into it.
    """
    # Before anything is written: a setting that is wrong must not claim the folder.
    explainer(survey.settings.method)
    check_has_twin(survey.settings)
    identity = survey.identity()
    with only_writer(folder):
        other = differences(read_json(folder / _PLAN), identity) if _is_begun(folder) else []
        if other and not replaces:
            raise StoreError(
                f"{folder} holds explanations of another model, other recordings or settings "
                f"({'; '.join(other)}): choose another folder, or delete this one"
            )
        if other:
            for path in folder.glob("part-*.npz"):
                path.unlink()
        write_json(folder / _PLAN, identity)
        spans = survey.spans
        todo = [number for number in range(len(spans)) if not _is_whole(folder, number)]
        n_done = len(survey.positions) - sum(len(spans[number]) for number in todo)
        hashes = (identity["weights"], identity["index"])
        write = partial(_write_part, survey, folder, hashes)
        for position, _ in engine.map_items(write, todo):
            n_done += len(spans[todo[position]])
            if on_progress:
                on_progress(n_done, len(survey.positions))
    return Surveyed(survey, folder)


def has_survey(survey: Survey, folder: Path) -> bool:
    """Return whether `folder` holds all of this survey."""
    if not _is_begun(folder) or read_json(folder / _PLAN) != survey.identity():
        return False
    return all(_is_whole(folder, number) for number in range(len(survey.spans)))


@dataclass(frozen=True, eq=False)
class Surveyed:
    """The explanations of a survey, read part by part."""

    survey: Survey
    folder: Path

    def __iter__(self) -> Iterator[tuple[int, Attribution]]:
        """Yield the number of each explained recording among the positions, and its attribution."""
        for number in range(len(self.survey.spans)):
            kept = _read_part(self.folder, number)
            for row, place in enumerate(kept["explained"].tolist()):
                yield number * self.survey.part_size + place, self._attribution(kept, row)

    def attribution(self, number: int) -> Attribution | None:
        """Return that of one recording, by its number among the positions; None if refused."""
        kept = _read_part(self.folder, number // self.survey.part_size)
        (rows,) = np.nonzero(kept["explained"] == number % self.survey.part_size)
        return self._attribution(kept, int(rows[0])) if len(rows) else None

    def refused(self) -> dict[int, str]:
        """Return why recordings could not be explained, by their number among the positions."""
        found: dict[int, str] = {}
        for number in range(len(self.survey.spans)):
            kept = _read_part(self.folder, number)
            places = (number * self.survey.part_size + kept["refused"]).tolist()
            found |= dict(zip(places, kept["reasons"].tolist(), strict=True))
        return found

    @cached_property
    def config(self) -> BundleConfig:
        """The explained model's."""
        return load_bundle(self.survey.bundle).config

    def _attribution(self, kept: dict[str, Any], row: int) -> Attribution:
        """Return one attribution from the arrays of a part."""
        config = self.config
        units: Units = "relative" if kept["is_relative"][row] else "mV"
        piece_of = kept["piece_of"][row].astype(int)
        players = make_players(config.leads, len(piece_of), units, self.survey.settings, piece_of)
        if self.survey.settings.method == "paper_lime":
            players = displayed(players)
        sums = {
            kind: Summed(each.names, kept[f"{kind}_values"][row], kept[f"{kind}_error"][row])
            for kind, each in players.sums.items()
        }
        plain = {name: kept[name][row] for name in _PLAIN}
        plain["n_forwards"] = int(plain["n_forwards"])
        return Attribution(classes=config.classes, players=players, sums=sums, **plain)


def _part(folder: Path, number: int) -> Path:
    """Return where a part is kept."""
    return folder / f"part-{number:05d}.npz"


def _is_begun(folder: Path) -> bool:
    """Return whether a folder holds a survey, finished or not."""
    return (folder / _PLAN).exists()


def _is_whole(folder: Path, number: int) -> bool:
    """Return whether a part is there, and not damaged."""
    if not _part(folder, number).exists():
        return False
    try:
        return bool(_read_part(folder, number))
    except StoreError:
        return False


@lru_cache(maxsize=1)
def _opened(bundle: Path, store: Path, hashes: tuple[str, str]) -> tuple[Bundle, Store]:  # noqa: ARG001
    """Return a model and a store that are opened once for all parts, while they stay the same."""
    return load_bundle(bundle), open_store(store)


def _write_part(survey: Survey, folder: Path, hashes: tuple[str, str], number: int) -> None:
    """Explain the recordings of a part and keep what was found."""
    if multiprocessing.parent_process() is not None:
        # Threads of several workers on the same cores were 13 times slower than one each.
        torch.set_num_threads(1)
    bundle, store = _opened(survey.bundle, survey.store, hashes)
    leads = [store.manifest.leads.index(lead) for lead in bundle.config.leads]
    n_samples = round(bundle.config.fs * bundle.config.duration)
    found: list[Attribution] = []
    explained, is_relative, refused, reasons = [], [], [], []
    for place, position in enumerate(survey.spans[number]):
        windows = store.windows_of[position]
        chosen = drawn_window(store.keys[position], len(windows), survey.settings.seed)
        signal = store.signal(windows[chosen : chosen + 1])[0, leads, :n_samples]
        row = store.first_rows[position]
        units: Units = "relative" if row.units == "relative" else "mV"
        model = bundle.for_person(row.years, row.sex)
        try:
            which = number * survey.part_size + place
            asked = None if survey.asked is None else survey.asked[which]
            said = explain_window(model, signal, units, survey.settings, which, asked=asked)
            found.append(said)
        except SignalError as error:
            refused.append(place)
            reasons.append(str(error))
            continue
        explained.append(place)
        is_relative.append(units == "relative")
    arrays: dict[str, Any] = {
        "explained": np.array(explained, int),
        "is_relative": np.array(is_relative, bool),
        "refused": np.array(refused, int),
        "reasons": np.array(reasons, str),
        **_arrays(found),
    }
    with written_beside(_part(folder, number)) as beside, beside.open("wb") as file:
        np.savez(file, **arrays)


def _arrays(found: list[Attribution]) -> dict[str, np.ndarray]:
    """Return attributions as arrays over recordings."""
    if not found:
        return {}
    kept = {name: np.stack([np.asarray(getattr(each, name)) for each in found]) for name in _PLAIN}
    kept["piece_of"] = np.stack([each.players.piece_of for each in found]).astype(np.int16)
    for kind in found[0].sums:
        kept[f"{kind}_values"] = np.stack([each.sums[kind].values for each in found])
        kept[f"{kind}_error"] = np.stack([each.sums[kind].standard_error for each in found])
    return kept


def _read_part(folder: Path, number: int) -> dict[str, np.ndarray]:
    """Return the arrays of a part.

    Raises:
        StoreError: it is missing or damaged.
    """
    path = _part(folder, number)
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise StoreError(f"{path} is missing or damaged ({error}): explain again") from error
