"""Which explainer is right? Methods x diagnoses against the exact truth of simulated ECGs.

    python benchmarks/explain_truth.py [--model FOLDER] [--out FOLDER] [--per N] [--seed N]
        [--only NAME...] [--quick]

Without --model a network is trained on a simulated `factorial` cohort (diagnoses uncorrelated) and
kept in --out; the same command uses it again. On ECGs of another seed that the model gets right,
each method explains each diagnosis, one at a time. Additive diagnoses: relevance mass accuracy and
pointing game over the chance of a uniform map (`leadlens.explain.truth`); "shuffled" is the mass
over that of the same players in random order. Timing diagnoses: share of the positive timing value
on the right player. Intervals: 95 %, bootstrap over ECGs. Methods that are not installed are left
out, and named. The last line is one JSON object.
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
)
from explain_methods import AMPLITUDE, CAPTUM, METHODS, TRUTH, WAVES, said_by

from leadlens.bundle import Bundle
from leadlens.errors import ConfigError, MissingExtraError, SignalError
from leadlens.explain.explainers import explainer
from leadlens.explain.frozen import freeze
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.stability import spearman
from leadlens.explain.truth import (
    RIGHT_TIMING,
    Lift,
    TruthScore,
    lift,
    model_truth,
    score,
    timing_share,
)
from leadlens.explain.window import make_game


@dataclass(eq=False)
class Result:
    """What a method got right."""

    scores: dict[str, list[TruthScore]]
    agreement: list[float]
    timing: dict[str, list[float]]
    seconds: float = 0.0
    failed: int = 0


def assess(bundle: Bundle, found: list[Case], name: str) -> Result:
    """Return the scores of one method on all cases."""
    result = Result({}, [], {})
    began = time.process_time()
    for number, case in enumerate(found):
        right = [one for one in case.right if one in ADDITIVE]
        if not right:
            continue
        try:
            said = said_by(bundle, case, name, number)
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
    if METHODS.get(name, WAVES).lead_groups != "frontal_and_chest":
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
    return {one: mean_interval(np.array(values)) for one, values in sorted(shares.items())}


def timing_table(bundle: Bundle, found: list[Case]) -> dict[str, Any]:
    """Print and return the shares on the right timing player, by two methods."""
    rhythm = {}
    for name, settings in (
        ("exact_shapley", METHODS["exact_shapley, whole leads"]),
        ("lime", METHODS["lime, hadamard, waves"]),
    ):
        with_timing = settings.model_copy(update={"timing": True})
        rhythm[name] = assess_timing(bundle, found, with_timing)
        print(f"\nshare on the right timing player, {name} (chance 0.25)", flush=True)
        for one, item in rhythm[name].items():
            print(f"  {one:6s} {RIGHT_TIMING[one]:12s} {item['value']:.2f} "
                  f"[{item['low']:.2f}, {item['high']:.2f}]  {item['n']} ECGs")  # fmt: skip
    return rhythm


def mean_interval(values: np.ndarray) -> dict[str, float]:
    """Return a mean with its 95 % bootstrap interval."""
    drawn = values[np.random.default_rng(0).integers(len(values), size=(2000, len(values)))]
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return {"value": float(values.mean()), "low": float(low), "high": float(high), "n": len(values)}


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
        one = Lift(**found)
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


def main() -> None:
    """Print the tables, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per", type=int, default=12, help="ECGs of each diagnosis")
    parser.add_argument("--seed", type=int, default=22, help="of the explained ECGs")
    parser.add_argument("--only", nargs="*", help="methods, by a part of their names; timing")
    add_model_options(parser)
    options = parser.parse_args()
    bundle = chosen_model(options)
    n, per = (300, 2) if options.quick else (3000, options.per)
    found = cases(bundle, n, per, options.seed)
    table, missing = {}, []
    for name in (*METHODS, CAPTUM, AMPLITUDE, TRUTH):
        if options.only and not any(part in name for part in options.only):
            continue
        try:
            print(name, file=sys.stderr, flush=True)
            table[name] = summary(assess(bundle, found, name))
            print(table[name]["relevance_mass_lift"], file=sys.stderr, flush=True)
        except (ConfigError, MissingExtraError, ImportError) as error:
            missing.append(name)
            print(f"left out: {name} ({error})")
    if table:
        show(table)
    is_asked = not options.only or "timing" in options.only
    rhythm = timing_table(bundle, found) if is_asked else {}
    ranked = [name for name in table if name not in (AMPLITUDE, TRUTH)]
    best = max(ranked, key=lambda name: table[name]["relevance_mass_lift"]["value"], default=None)
    first = table.get(best, {})
    print(json.dumps({
        "best": best,
        **{key: first.get(key) for key in ("relevance_mass_lift", "pointing_lift")},
        "methods": table, "timing": rhythm, "left_out": missing, "n_ecgs": len(found),
        "quick": options.quick,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
