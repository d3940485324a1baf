"""What `leadlens explain --judge` prints: the metric card in words, gates, and truth."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadlens.cli.terminal import number, out, print_json, print_table, progress_bar, say

if TYPE_CHECKING:
    from leadlens.explain.judgement import JudgedDiagnosis, Judgement
    from leadlens.explain.settings import ExplainSettings
    from leadlens.explain.truth_card import Estimate
    from leadlens.explain.verdicts import Verdict

MOST_REASONS = 2
"""Printed for a diagnosis; JSON has all."""
NOTES = (
    "In the evidence: share of the values where the diagnosis is. Lift: that share over a uniform "
    "map's; above 1 is good. Pointing lift: the same for the highest value.",
    "Right timing: share of the timing values on the diagnosis' own player; chance is 0.25.",
    "Model truth: rank correlation of the leads' values with what the model uses, exactly, against "
    "the healthy twin; near 1 is good.",
)


def judge_files(
    model: Path,
    files: list[Path],
    names: tuple[str, ...],
    n: int,
    changes: dict[str, Any],
    as_json: bool,
) -> None:
    """Judge an explainer on up to `n` of the files, and print the card."""
    from leadlens.bundle import load_bundle
    from leadlens.explain.judgement import find_examples, judge_examples
    from leadlens.explain.settings import ExplainSettings
    from leadlens.explain.verdicts import verdicts
    from leadlens.settings import checked

    settings = checked(ExplainSettings, changes, "explanation settings")
    bundle = load_bundle(model)
    with progress_bar("reading", "ECGs") as move:
        examples = find_examples(bundle, files, names, settings, min(n, len(files)), move)
    with progress_bar("judging", "explanations") as move:
        found = judge_examples(examples, settings, move)
    rows = verdicts(found.card)
    if as_json:
        said = {"model": str(model), "settings": settings.model_dump(mode="json")}
        print_json(said | {"verdicts": [row.as_dict() for row in rows]} | found.as_dict())
        return
    _print_card(settings, found, rows)
    _print_gates(found)
    _print_truth(found)
    for why in found.left_out:
        say(f"left out: {why}")
    say("Judges what the explainer says of the model, not whether the model is right.")


def _print_card(
    settings: "ExplainSettings", found: "Judgement", rows: "tuple[Verdict, ...]"
) -> None:
    """Print the metrics, one a row."""
    title = (
        f"{settings.method} by {settings.pieces}, replacement {settings.replacement}: "
        f"means of {_count(found.card.n_windows, 'explanation')} of "
        f"{_count(found.n_recordings, 'ECG')}"
    )
    cells = [[row.asks, row.good, _value(row.value), row.word] for row in rows]
    _print_title(title)
    print_table("", ["question", "good is", "value", "verdict"], cells, n_left=2)


def _print_gates(found: "Judgement") -> None:
    """Print how many explanations of each diagnosis may be shown, and why the others not."""
    _print_title("Explanations that pass the gates")
    rows = [
        [one.abbreviation, f"{one.n_passed} of {one.n_windows}", _reasons(one)]
        for one in found.diagnoses
    ]
    print_table("", ["diagnosis", "passed", "withheld, because"], rows, n_left=3)


def _reasons(one: "JudgedDiagnosis") -> str:
    """Return why explanations of one diagnosis are withheld, the first reasons in full."""
    different = list(dict.fromkeys(one.withheld))
    said = "; ".join(different[:MOST_REASONS])
    more = len(different) - MOST_REASONS
    return f"{said}; and {more} more" if more > 0 else said


def _print_truth(found: "Judgement") -> None:
    """Print the agreement with the truth, where it is known."""
    known = [(one.abbreviation, one.truth) for one in found.diagnoses if one.truth is not None]
    if not known:
        return
    _print_title("Truth of the simulated ECGs that have the diagnosis")
    rows = [
        [name, str(card.n), *(_cell(part) for part in (
            card.mass, card.mass_lift, card.pointing_lift, card.timing, card.model_truth
        ))]
        for name, card in known
    ]  # fmt: skip
    columns = ["diagnosis", "ECGs", "in the\nevidence", "lift", "pointing\nlift",
               "right\ntiming", "model\ntruth"]  # fmt: skip
    print_table("", columns, rows)
    for note in NOTES:
        out.print(note, markup=False, highlight=False)


def _cell(part: "Estimate | None") -> str:
    """Return an estimate with its interval below it."""
    if part is None:
        return "\u2013"
    if part.low is None or part.high is None:
        return f"{part.value:.2f}"
    return f"{part.value:.2f}\n{part.low:.2f}-{part.high:.2f}"


def _print_title(text: str) -> None:
    """Print a table's title, over as many lines as it needs."""
    out.print(f"\n{text}", style="bold", markup=False, highlight=False)


def _count(n: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _value(value: float | None) -> str:
    """Return a metric's value; never a negative zero."""
    return "\u2013" if value is None else number(round(value, 3) + 0.0)
