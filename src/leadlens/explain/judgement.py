"""Judgement: an explainer's metric card on ECG files, and its truth where they are simulated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from leadlens.bundle import Bundle
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.recording import Units
from leadlens.errors import BundleError, ConfigError, ReadError, SignalError, StoreError
from leadlens.explain.asked import asked_codes, given_codes, named_codes
from leadlens.explain.gates import explanation_gate
from leadlens.explain.judge import Judged, MetricCard, judge_window, mean_card
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.truth_card import Agreement, TruthCard, agreement, truth_card
from leadlens.explain.twin import effect_at, evidence_at, evidence_of, needed_evidence, twin_at
from leadlens.explain.window import for_one_ecg, window_of
from leadlens.io import read
from leadlens.simulate.evidence_file import StoredEvidence

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Example:
    """The first window of an ECG file, and which diagnoses are explained in it.

    Attributes:
        file: where it is.
        bundle: the model of this person's ECGs.
        signal: in mV (or relative units), as the model is shown it.
        units: of the signal.
        codes: explained.
        stored: its evidence, where it is simulated and the evidence lies beside.
    """

    file: Path
    bundle: Bundle
    signal: Float32[np.ndarray, "lead time"]
    units: Units
    codes: tuple[str, ...]
    stored: StoredEvidence | None


@dataclass(frozen=True)
class Examples:
    """What an explainer is judged on.

    Attributes:
        chosen: in the order in which they were drawn.
        left_out: why files, or diagnoses in them, are not among them.
    """

    chosen: tuple[Example, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class JudgedDiagnosis:
    """What became of the explanations of one diagnosis.

    Attributes:
        abbreviation: of the diagnosis.
        n_windows: explained.
        withheld: why some may not be shown, one reason each (`explanation_gate`).
        truth: on simulated recordings that have it, if there are any.
    """

    abbreviation: str
    n_windows: int
    withheld: tuple[str, ...]
    truth: TruthCard | None

    @property
    def n_passed(self) -> int:
        """The number of explanations that pass the gates."""
        return self.n_windows - len(self.withheld)


@dataclass(frozen=True)
class Judgement:
    """How far an explainer can be trusted on these ECGs.

    Attributes:
        card: means over all explained windows.
        diagnoses: by abbreviation.
        n_recordings: explained.
        left_out: why files, or diagnoses in them, were not.
    """

    card: MetricCard
    diagnoses: tuple[JudgedDiagnosis, ...]
    n_recordings: int
    left_out: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as for JSON."""
        return {
            "n_recordings": self.n_recordings,
            "card": self.card.as_dict(),
            "diagnoses": [
                {
                    "abbreviation": one.abbreviation,
                    "n_windows": one.n_windows,
                    "n_passed": one.n_passed,
                    "withheld": list(one.withheld),
                    "truth": None if one.truth is None else one.truth.as_dict(),
                }
                for one in self.diagnoses
            ],
            "left_out": list(self.left_out),
        }


def find_examples(
    bundle: Bundle,
    files: Sequence[Path],
    names: tuple[str, ...],
    settings: ExplainSettings,
    n: int,
    on_progress: OnProgress | None = None,
) -> Examples:
    """Return up to `n` of the files, drawn by the seed of `settings`, as examples.

    Diagnoses are those named, or those that the model gives, or the most probable one. Among
    several files, a named diagnosis is explained where the model gives it.

    Args:
        bundle: the model.
        files: ECG files, at least one.
        names: diagnoses (abbreviation or code).
        settings: of the explanations; 'healthy_twin' needs evidence beside each file.
        n: examples, at most.
        on_progress: called with the examples found and `n`.

    Raises:
        ConfigError: the model does not know a name, or no file can be explained; it says why.
    """
    wanted = named_codes(bundle, names) if names else ()
    order = np.random.default_rng(settings.seed).permutation(len(files)).tolist()
    found: list[Example] = []
    left_out: list[str] = []
    for number in order:
        if len(found) == n:
            break
        try:
            example = _example(bundle, files[number], wanted, settings, len(files) == 1)
        except (ReadError, SignalError, BundleError, StoreError) as error:
            left_out.append(str(error))
            continue
        if settings.replacement == "healthy_twin":
            example = _with_twins(example, left_out)
        if example.codes:
            found.append(example)
        if on_progress:
            on_progress(len(found), n)
    if not found:
        raise ConfigError(_none_found(files, names, left_out))
    return Examples(tuple(found), tuple(left_out))


def judge_examples(
    examples: Examples,
    settings: ExplainSettings,
    on_progress: OnProgress | None = None,
) -> Judgement:
    """Return the judgement of the explainer in `settings` on the examples.

    Where no number of masks is asked for, each ECG gets as many as `explain_ecg` gives it.

    Args:
        examples: from `find_examples` with the same settings.
        settings: the explainer and its players.
        on_progress: called with the explanations judged and their number.

    Raises:
        ConfigError: the settings do not fit the model.
        SignalError: the players need beats, and none of the ECGs has any.
    """
    chosen = for_one_ecg(settings)
    total = sum(len(example.codes) for example in examples.chosen)
    judged: dict[str, list[tuple[Judged, str | None, Agreement | None]]] = {}
    explained: set[Path] = set()
    left_out = list(examples.left_out)
    done = 0
    for example in examples.chosen:
        for code in example.codes:
            try:
                judged.setdefault(code, []).append(_judge(example, code, chosen))
                explained.add(example.file)
            except SignalError as error:
                left_out.append(f"{example.file}: {error}")
            done += 1
            if on_progress:
                on_progress(done, total)
    every = [one for several in judged.values() for one in several]
    if not every:
        raise SignalError(left_out[-1])
    return Judgement(
        card=mean_card([one.card for one, _, _ in every]),
        diagnoses=tuple(
            sorted(
                (_of_diagnosis(code, several) for code, several in judged.items() if several),
                key=lambda one: one.abbreviation,
            )
        ),
        n_recordings=len(explained),
        left_out=tuple(left_out),
    )


def _example(
    bundle: Bundle, file: Path, wanted: tuple[str, ...], settings: ExplainSettings, is_alone: bool
) -> Example:
    """Return one file as an example; without codes where the model gives none that is wanted."""
    recording = read(file)
    bundle = bundle.for_person(recording.age, recording.sex)
    signal = window_of(bundle, recording)
    logits = bundle.logits(signal[None])[0]
    if wanted and is_alone:
        codes = wanted
    elif wanted:
        codes = tuple(code for code in given_codes(bundle, logits) if code in wanted)
    else:
        codes = asked_codes(bundle, logits, ())
    find = needed_evidence if settings.replacement == "healthy_twin" else evidence_of
    return Example(file, bundle, signal, recording.units, codes, find(file, recording))


def _with_twins(example: Example, left_out: list[str]) -> Example:
    """Return the example with the diagnoses alone that have a twin; why others go is noted."""
    stored = example.stored
    there = () if stored is None else tuple(stored.effects)
    names = {code: diagnosis(code).abbreviation for code in example.codes}
    left_out += [
        f"{example.file} does not have {name}, so no twin without it"
        for name in names.values()
        if name not in there
    ]
    codes = tuple(code for code, name in names.items() if name in there)
    return replace(example, codes=codes)


def _none_found(files: Sequence[Path], names: tuple[str, ...], left_out: list[str]) -> str:
    """Return why there is no example."""
    if left_out:
        more = f" (and {len(left_out) - 1} more like it)" if len(left_out) > 1 else ""
        return f"nothing can be explained: {left_out[0]}{more}"
    return (
        f"the model gives {', '.join(names)} in none of {len(files)} recordings: "
        "name another diagnosis, or leave --diagnosis out"
    )


def _judge(
    example: Example, code: str, settings: ExplainSettings
) -> tuple[Judged, str | None, Agreement | None]:
    """Return one explanation with its card, why it is withheld, and how it agrees with truth."""
    bundle, stored, signal = example.bundle, example.stored, example.signal
    column = bundle.config.classes.index(code)
    twin = None
    if settings.replacement == "healthy_twin" and stored is not None:
        twin = twin_at(bundle, signal, stored, code)
    one = judge_window(bundle, signal, column, example.units, settings, settings.seed, without=twin)
    held_out = bundle.config.held_out
    reason = explanation_gate(one.attribution, column, held_out.skills if held_out else None)
    name = diagnosis(code).abbreviation
    known = {} if stored is None else evidence_at(bundle, stored)
    if stored is None or name not in known:
        return one, reason, None
    effect = effect_at(bundle, stored, name) if stored.effects else None
    found = agreement(bundle, signal, one.attribution, name, known, effect, settings)
    return one, reason, found


def _of_diagnosis(
    code: str, several: Sequence[tuple[Judged, str | None, Agreement | None]]
) -> JudgedDiagnosis:
    """Return what became of one diagnosis' explanations."""
    agreements = [found for _, _, found in several if found is not None]
    return JudgedDiagnosis(
        abbreviation=diagnosis(code).abbreviation,
        n_windows=len(several),
        withheld=tuple(reason for _, reason, _ in several if reason is not None),
        truth=truth_card(agreements) if agreements else None,
    )
