"""Do limb leads matter more than chest leads? The published finding, examined again.

    python benchmarks/limb_or_chest.py [--quick] [--model FOLDER] [--out FOLDER] [--real FOLDER...]
        [--only PART...]

Singstad & Muten 2025 summed tabular LIME over leads: limb and augmented leads had most of it. Here
the same models are explained to the same held-out ECGs by

- `paper_lime`, their recipe: the limb leads' share of |weight|. Six of twelve leads: equal is 0.50;
- `lime` with masks that obey the limb-lead equations (frontal plane and V1 to V6, waves, timing,
  normal beats): the frontal plane's share of the strengths of seven players, root mean squares over
  ECGs less the squared standard errors. Equal players: 1/7; equal independent signals: 2/8;
- the exact Shapley values of the game {frontal plane, chest}, |value| summed over ECGs: equal is
  0.50. What takes a player's place is a normal beat, the isoelectric line or, for simulated ECGs,
  the healthy twin, which is the truth about the model (additive diagnoses only).

Nulls: the network before training, and answers that are noise. Parts: `simulated`, held-out ECGs
of the reference model (see explain_cases.py); with --real (folders that `leadlens ingest` takes)
`transfer`, the same model on real ECGs (on those in mV, if it needs mV); without --quick also
`small` (folds 0 and 1 of 5) and `paper` (fold 0): the preset and the published network, trained on
the other folds at 75 Hz with double soft F1, each lead z-scored, as part of the recordings has no
amplitude. With --model that model takes the reference's place, and the recipe draws around ECGs of
the reference's cohort.

Chosen before the first full run: of the diagnoses with most right answers, which the model tells
from others, `simulated` explains 3 answers of each of 16, `transfer` 4 of each, `small` 3 of each
of 8, `paper` 6 of each of 3; 95 % intervals by bootstrap over ECGs. The finding
survives in a model if both hold: the interval of the recipe's limb share lies above both nulls, and
that of the frontal plane's share in the two-player game (normal beat) above one half. About half an
hour on one core once the models are trained. The last line is one JSON object.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from explain_cases import add_model_options
from limb_cases import (
    RATE_OF_PAPER,
    Subject,
    noise_of,
    on_real,
    real_store,
    simulated,
    trained_on_real,
    untrained_of,
)
from limb_shares import (
    GAME,
    LIME,
    LINE,
    PAPER,
    TWIN,
    Table,
    by_game,
    by_lime,
    by_paper,
    by_twin,
    realism,
)

from leadlens.ecg.diagnoses import diagnosis
from leadlens.explain.stability import spearman

PARTS = ("simulated", "transfer", "small", "paper")


def examine(subject: Subject, n_points: int) -> dict[str, Any]:
    """Print and return all that is said of one model."""
    began = time.process_time()
    n = sum(len(ecg.codes) for ecg in subject.ecgs)
    print(f"\n{subject.name}: {n} explanations of {len(subject.codes)} diagnoses in "
          f"{len(subject.ecgs)} ECGs", flush=True)  # fmt: skip
    tables: dict[tuple[str, str], Table] = {}
    signed: dict[str, Table] = {}
    for who, other in (
        ("trained", subject), ("untrained", untrained_of(subject)), ("noise", noise_of(subject))
    ):  # fmt: skip
        tables[PAPER, who] = by_paper(other, n_points, one_each=who == "noise")
        tables[LIME, who] = by_lime(other)
        tables[GAME, who], signed[who] = by_game(other, "median_beat")
        tables[LINE, who], _ = by_game(other, "isoelectric")
        print(f"  {who}: {time.process_time() - began:.0f} s", file=sys.stderr, flush=True)
    if any(ecg.twins for ecg in subject.ecgs):
        tables[TWIN, "trained"] = by_twin(subject)
    found = {
        "shares": {f"{recipe}: {who}": each.interval() for (recipe, who), each in tables.items()},
        "signed": signed_values(signed["trained"]),
        "r2": {who: float(np.median(tables[PAPER, who].r2)) for who in signed},
        "draws": realism(subject),
        "groups": by_group(tables),
        "diagnoses": by_name(tables),
        "cpu_s": round(time.process_time() - began),
    }
    found["rank_agreement"] = agreement(found["diagnoses"])
    found["verdict"] = verdict(found["shares"])
    show(found)
    return found


def signed_values(signed: Table) -> dict[str, Any]:
    """Return the mean signed values of both players of the game, in logits."""
    chest = Table(lambda mean: mean[..., 1], signed.ecgs, signed.codes, signed.parts, signed.r2)
    return {"frontal plane": signed.interval(), "chest": chest.interval()}


def by_group(tables: dict[tuple[str, str], Table]) -> dict[str, Any]:
    """Return the shares in the trained model by group of diagnoses."""
    codes = dict.fromkeys(tables[GAME, "trained"].codes)
    groups = sorted({diagnosis(code).group for code in codes})
    return {
        group: {
            recipe: each.interval([c for c in codes if diagnosis(c).group == group])
            for (recipe, who), each in tables.items()
            if who == "trained"
        }
        for group in groups
    }


def by_name(tables: dict[tuple[str, str], Table]) -> dict[str, Any]:
    """Return the shares in the trained model by diagnosis."""
    return {
        diagnosis(code).abbreviation: {
            recipe: each.interval([code])
            for (recipe, who), each in tables.items()
            if who == "trained"
        }
        for code in dict.fromkeys(tables[GAME, "trained"].codes)
    }


def agreement(diagnoses: dict[str, Any]) -> dict[str, float]:
    """Return the rank correlation over diagnoses of each recipe's shares with the twin's."""
    known = [item for item in diagnoses.values() if item.get(TWIN)]
    return {
        recipe: spearman(
            np.array([item[recipe]["value"] for item in known]),
            np.array([item[TWIN]["value"] for item in known]),
        )
        for recipe in (PAPER, LIME, GAME, LINE)
        if len(known) > 2
    }


def verdict(shares: dict[str, Any]) -> str:
    """Return whether the finding survives in one model, by the rule chosen before."""
    paper, game = shares[f"{PAPER}: trained"], shares[f"{GAME}: trained"]
    nulls = max(shares[f"{PAPER}: {who}"]["value"] for who in ("untrained", "noise"))
    is_above = paper["low"] > nulls
    recipe = f"the recipe's limb share is {'above' if is_above else 'not above'} its nulls"
    more = "the chest has" if game["high"] < 0.5 else "neither surely has"
    more = "the frontal plane has" if game["low"] > 0.5 else more
    survives = "survives" if is_above and game["low"] > 0.5 else "does not survive"
    return f"{survives}: {recipe}; of two players {more} more than half"


def told(found: dict[str, float] | None, digits: int = 2) -> str:
    """Return a value with its interval."""
    if found is None:
        return f"{'-':>{8 + 3 * digits}s}"
    value, low, high = (format(found[key], f".{digits}f") for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def show(found: dict[str, Any]) -> None:
    """Print the tables of one model."""
    for name, share in found["shares"].items():
        print(f"  {name:32s} {told(share)}")
    for name, value in found["signed"].items():
        print(f"  {'signed, ' + name:32s} {told(value)} logits")
    print(f"  R2 of paper_lime (median): {found['r2']}")
    print(f"  its draws: {found['draws']}")
    recipes = (PAPER, LIME, GAME, LINE, TWIN)
    for kind in ("groups", "diagnoses"):
        print(f"  {kind:18s} {'n':>3s} " + " ".join(f"{recipe:19s}" for recipe in recipes))
        for name, item in found[kind].items():
            row = " ".join(f"{told(item.get(recipe)):19s}" for recipe in recipes)
            print(f"  {name:18s} {item[GAME]['n']:3d} {row}")
    print(f"  rank agreement with the twin over diagnoses: {found['rank_agreement']}")
    print(f"  {found['verdict']} ({found['cpu_s']} s of processor time)", flush=True)


def subjects(options: argparse.Namespace) -> Iterable[Subject]:
    """Yield the models of the parts that are asked for."""
    quick, asked, out = options.quick, options.only or PARTS, options.out
    needs_reference = "simulated" in asked or "transfer" in asked
    reference = simulated(options, 1 if quick else 3) if needs_reference else None
    if reference is not None and "simulated" in asked:
        yield reference
    folders = [folder for folder in options.real if folder.exists()]
    if not folders:
        print("real ECGs: left out, no folder (give --real)")
        return
    if reference is not None and "transfer" in asked:
        yield on_real(reference, folders, out, 1 if quick else 4)
    if quick:
        return
    store = real_store(folders, out, RATE_OF_PAPER)
    if "small" in asked:
        changes = {"loss": "double_soft_f1", "epochs": 20}
        for fold in (0, 1):
            yield trained_on_real("small", store, out, changes, fold, 3, 8)
    if "paper" in asked:
        # Nearly three times faster than float32 where processors have it; the study had none.
        yield trained_on_real("paper", store, out, {"precision": "bfloat16"}, 0, 6, 3)


def main() -> None:
    """Print the tables, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, nargs="*", default=[], help="folders of real ECGs")
    parser.add_argument("--only", nargs="*", choices=PARTS, help="some of the parts")
    add_model_options(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    n_points = 500 if options.quick else 5000
    results = {}
    for one in subjects(options):
        if one.ecgs:
            results[one.name] = examine(one, n_points)
        else:
            print(f"\n{one.name}: left out, no right answer that could be explained")
    print(json.dumps({
        "models": results, "quick": options.quick,
        "machine": platform.machine(), "date": date.today().isoformat(),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
