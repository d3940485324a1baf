"""Which explainer is right? Methods x diagnoses against the exact truth of simulated ECGs.

    python benchmarks/explain_truth.py [--model FOLDER] [--out FOLDER] [--per N] [--seed N]
        [--only NAME...] [--quick]

Without --model a network is trained on a simulated `factorial` cohort (diagnoses uncorrelated) and
kept in --out; the same command uses it again. On ECGs of another seed that the model gets right,
each method explains each diagnosis, one at a time. Additive diagnoses: relevance mass accuracy and
pointing game over the chance of a uniform map (`leadlens.explain.truth`); "shuffled" is the mass
over that of the same players in random order. Timing diagnoses: share of the positive timing value
on the right player. `seed to seed` is the rank correlation of the players' values by two designs of
the default for a single ECG. Intervals: 95 %, bootstrap over ECGs. Methods that are not installed
are left out, and named. The last line is one JSON object.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from explain_cases import (
    ADDITIVE,
    RHYTHM,
    Case,
    add_model_options,
    cases,
    chosen_model,
    column_of,
    simulated_background,
)
from explain_methods import AMPLITUDE, CAPTUM, DEFAULT, METHODS, TRUTH, WAVES, said_by

from leadlens.bundle import Bundle
from leadlens.errors import ConfigError, MissingExtraError, SignalError
from leadlens.explain.explainers import explainer
from leadlens.explain.frozen import freeze
from leadlens.explain.paper_lime import PaperLime
from leadlens.explain.perturbation import perturb
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.stability import spearman
from leadlens.explain.truth import (
    RIGHT_TIMING,
    Interval,
    TruthScore,
    lift,
    lift_difference,
    mean_interval,
    model_truth,
    score,
    timing_share,
)
from leadlens.explain.window import for_one_ecg, make_game


@dataclass(eq=False)
class Result:
    """What a method got right."""

    scores: dict[str, list[TruthScore]]
    agreement: list[float]
    timing: dict[str, list[float]]
    seconds: float = 0.0
    failed: int = 0


def assess(bundle: Bundle, found: list[Case], name: str, recipe: PaperLime | None = None) -> Result:
    """Return the scores of one method on all cases."""
    result = Result({}, [], {})
    began = time.process_time()
    for number, case in enumerate(found):
        right = [one for one in case.right if one in ADDITIVE]
        if not right:
            continue
        try:
            said = said_by(bundle, case, name, number, recipe)
        except SignalError:
            result.failed += 1
            continue
        for one in right:
            column = column_of(bundle, one)
            others = [e for other, e in case.evidence.items() if other != one]
            attribution = said(one)
            judged = score(attribution, column, case.evidence[one], others)
            result.scores.setdefault(one, []).append(judged)
            used = case_truth(bundle, case, one, name)
            if used is not None:
                lead = attribution.sums["lead"].values[column]
                result.agreement.append(spearman(lead, used))
    result.seconds = (time.process_time() - began) / max(len(found), 1)
    return result


_USED: dict[tuple[int, str], np.ndarray] = {}


def case_truth(bundle: Bundle, case: Case, one: str, name: str) -> np.ndarray | None:
    """Return what the model uses of each lead group for a diagnosis, made once a case."""
    settings = METHODS.get(name, WAVES)
    if settings.lead_groups != "frontal_and_chest" or settings.method == "paper_lime":
        return None
    key = id(case), one
    if key not in _USED:
        column = column_of(bundle, one)
        _USED[key] = model_truth(bundle, case.signal, case.effects[one], WAVES).values[column]
    return _USED[key]


def assess_timing(bundle: Bundle, found: list[Case], settings: ExplainSettings) -> dict[str, Any]:
    """Return for each timing diagnosis the shares on the right timing player."""
    shares: dict[str, list[float]] = {}
    for number, case in enumerate(found):
        right = [one for one in case.right if one in RHYTHM]
        if not right:
            continue
        model, config = freeze(bundle, case.signal), bundle.config
        try:
            game = make_game(case.signal, config.leads, config.fs, "mV", settings, like=model.like)
            said = explainer(settings.method)(model, game, settings, number)
        except SignalError:
            continue
        for one in right:
            column = column_of(bundle, one)
            shares.setdefault(one, []).append(timing_share(said, column, one))
    return {
        one: asdict(mean_interval(np.array(values))) | {"n": len(values)}
        for one, values in sorted(shares.items())
    }


def timing_table(bundle: Bundle, found: list[Case]) -> dict[str, Any]:
    """Print and return the shares on the right timing player, by two methods."""
    rhythm = {}
    for name, settings in (
        ("exact_shapley", METHODS["exact_shapley, whole leads"]),
        ("lime", METHODS[DEFAULT]),
    ):
        with_timing = settings.model_copy(update={"timing": True})
        rhythm[name] = assess_timing(bundle, found, with_timing)
        print(f"\nshare on the right timing player, {name} (chance 0.25)", flush=True)
        for one, item in rhythm[name].items():
            print(f"  {one:6s} {RIGHT_TIMING[one]:12s} {item['value']:.2f} "
                  f"[{item['low']:.2f}, {item['high']:.2f}]  {item['n']} ECGs")  # fmt: skip
    return rhythm


def stability_table(bundle: Bundle, found: list[Case]) -> dict[str, Any]:
    """Print and return how well two designs of the default agree, by player and by lead."""
    first = for_one_ecg(ExplainSettings())
    agree: dict[str, list[float]] = {"player": [], "lead": []}
    for case in found:
        model, config = freeze(bundle, case.signal), bundle.config
        game = make_game(case.signal, config.leads, config.fs, "mV", first, like=model.like)
        one, other = (
            perturb(model, game, first.model_copy(update={"seed": seed})) for seed in (1, 2)
        )
        for name in case.right:
            column, there = column_of(bundle, name), game.is_there
            agree["player"].append(spearman(one.values[column, there], other.values[column, there]))
            agree["lead"].append(
                spearman(*(each.sums["lead"].values[column] for each in (one, other)))
            )
    print(f"\nseed to seed, {one.n_forwards} forward passes")
    said = {}
    for kind, values in agree.items():
        mean = mean_interval(np.array(values))
        said[kind] = asdict(mean) | {"n": len(values)}
        print(f"  by {kind:7s} {mean.value:.3f} [{mean.low:.3f}, {mean.high:.3f}]")
    return said


def summary(result: Result) -> dict[str, Any]:
    """Return a method's figures over all additive diagnoses, and by diagnosis."""
    scores = list(result.scores.values())
    every = [one for each in scores for one in each]
    leads = np.array([one.leads for one in every])
    return {
        "relevance_mass_lift": asdict(lift(scores)),
        "pointing_lift": asdict(lift(scores, "pointing")),
        "rank_lift": asdict(lift(scores, "rank")),
        "mass_over_shuffled": asdict(lift(scores, "mass", "shuffled")),
        "lead_auc": float(np.nanmean(leads)) if not np.isnan(leads).all() else None,
        "model_truth_spearman": float(np.mean(result.agreement)) if result.agreement else None,
        "empty": float(np.mean([one.is_empty for one in every])),
        "cpu_s_per_ecg": result.seconds,
        "n": len(every),
        "by_diagnosis": {
            name: {
                "mass": asdict(lift([each])), "pointing": asdict(lift([each], "pointing")),
                "chance": float(np.mean([one.chance for one in each])), "n": len(each),
            }
            for name, each in result.scores.items()
        },
    }  # fmt: skip


def show(table: dict[str, dict[str, Any]]) -> None:
    """Print the methods, best first, then the lifts of relevance mass by diagnosis."""

    def interval(found: dict[str, float]) -> str:
        one = Interval(**found)
        return f"{one.value:5.2f} [{one.low:5.2f},{one.high:5.2f}]"

    order = sorted(table, key=lambda name: -table[name]["relevance_mass_lift"]["value"])
    print(f"\n{'method':33s} {'mass lift':19s} {'pointing lift':19s} {'mass/shuffled':19s} "
          "lead AUC  model rho  empty  CPU s")  # fmt: skip
    for name in order:
        item = table[name]
        rho, leads = item["model_truth_spearman"], item["lead_auc"]
        print(f"{name:33s} {interval(item['relevance_mass_lift'])} "
              f"{interval(item['pointing_lift'])} {interval(item['mass_over_shuffled'])} "
              f"{'-' if leads is None else format(leads, '8.2f'):>8s} "
              f"{'-' if rho is None else format(rho, '.2f'):>10s} "
              f"{item['empty']:6.2f} {item['cpu_s_per_ecg']:6.2f}")  # fmt: skip
    names = [one for one in ADDITIVE if any(one in table[m]["by_diagnosis"] for m in table)]
    for figure in ("mass", "pointing"):
        print(f"\n{figure + ' lift by diagnosis':33s} " + " ".join(f"{one:>6s}" for one in names))
        for name in order:
            by = table[name]["by_diagnosis"]
            row = " ".join(f"{by[one][figure]['value']:6.2f}" if one in by else "     -"
                           for one in names)  # fmt: skip
            print(f"{name:33s} {row}")
    by = table[order[0]]["by_diagnosis"]
    print(f"{'ECGs':33s} " + " ".join(f"{by[one]['n']:6d}" if one in by else "-" for one in names))


def add_differences(
    table: dict[str, dict[str, Any]], scores: dict[str, dict[str, list[TruthScore]]]
) -> None:
    """Print and keep how much larger each method's mass lift is than the default's, ECG by ECG."""
    default = scores.get(DEFAULT, {})
    counts = {name: len(each) for name, each in default.items()}
    print("\nmass lift less the default's, on the same ECGs")
    for name in sorted(table, key=lambda one: -table[one]["relevance_mass_lift"]["value"]):
        # A method that failed on an ECG cannot be compared ECG by ECG.
        if name == DEFAULT or {k: len(v) for k, v in scores[name].items()} != counts:
            continue
        more = lift_difference(list(scores[name].values()), list(default.values()))
        table[name]["lift_over_default"] = asdict(more)
        print(f"  {name:33s} {more.value:+.3f} [{more.low:+.3f}, {more.high:+.3f}]")


def main() -> None:
    """Print the tables, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per", type=int, default=12, help="ECGs of each diagnosis")
    parser.add_argument("--seed", type=int, default=22, help="of the explained ECGs")
    parser.add_argument(
        "--only", nargs="*", help="methods, by a part of their names; timing; stability"
    )
    add_model_options(parser)
    options = parser.parse_args()
    bundle = chosen_model(options)
    n, per = (300, 2) if options.quick else (3000, options.per)
    found = cases(bundle, n, per, options.seed)
    table, missing, scores = {}, [], {}
    for name in (*METHODS, CAPTUM, AMPLITUDE, TRUTH):
        if options.only and not any(part in name for part in options.only):
            continue
        try:
            print(name, file=sys.stderr, flush=True)
            recipe = None
            if METHODS.get(name, WAVES).method == "paper_lime":
                n_background = 300 if options.quick else 4000
                background = simulated_background(bundle, options.out, n_background)
                # ECGs of a diagnosis share draws, and the network's answers to them.
                recipe = PaperLime(background, n_designs=1)
            result = assess(bundle, found, name, recipe)
            table[name], scores[name] = summary(result), result.scores
            print(table[name]["relevance_mass_lift"], file=sys.stderr, flush=True)
        except (ConfigError, MissingExtraError, ImportError) as error:
            missing.append(name)
            print(f"left out: {name} ({error})")
    if table:
        show(table)
    add_differences(table, scores)
    is_asked = not options.only or "timing" in options.only
    rhythm = timing_table(bundle, found) if is_asked else {}
    is_asked = not options.only or "stability" in options.only
    stability = stability_table(bundle, found[: 4 if options.quick else 24]) if is_asked else {}
    ranked = [name for name in table if name not in (AMPLITUDE, TRUTH)]
    best = max(ranked, key=lambda name: table[name]["relevance_mass_lift"]["value"], default=None)
    first = table.get(best, {})
    print(json.dumps({
        "best": best,
        **{key: first.get(key) for key in ("relevance_mass_lift", "pointing_lift")},
        "methods": table, "timing": rhythm, "seed_to_seed": stability, "left_out": missing,
        "n_ecgs": len(found), "quick": options.quick,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
