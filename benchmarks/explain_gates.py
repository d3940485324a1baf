"""Do the gates withhold what means nothing, and show what does?

    python benchmarks/explain_gates.py [--model FOLDER] [--out FOLDER] [--n N] [--method NAME]
        [--quick]

Models explain answers to simulated ECGs that they have not seen, by the method's default settings,
one diagnosis an ECG, drawn at random. The reference model explains answers that it gets right.
Untrained networks, networks trained on shuffled labels, and networks that learned shuffled labels
by heart explain the true diagnoses, and those to which they say yes. Each model has its held-out
skill, as one saved by `leadlens train` has: of a fifth of its ECGs, their labels shuffled too.
Printed is the share that `explanation_gate` shows, as the page of one ECG does, with Wilson's 95 %
interval; and the share that one ECG alone would show, without held-out skill. ECGs that cannot be
explained (too few beats) count as not shown. No seed is one of those on which the gates' limits
were chosen (21 to 23).

Then the metric card on the reference model, and a planted shortcut: a small network trained where
hum in V6 is what one label means; wanted is its share of the map. The last line is one JSON object.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from explain_cases import FS, add_model_options, chosen_model, held_out
from scipy.stats import binomtest
from torch import nn

from leadlens.bundle import Bundle, HeldOut
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.errors import SignalError
from leadlens.evaluation.skill import skills_of
from leadlens.explain.explainers import PERTURBATION
from leadlens.explain.gates import attribution_gate, explanation_gate, held_out_gate
from leadlens.explain.judge import judge
from leadlens.explain.sanity import hum
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import explain_window
from leadlens.models.registry import build_model
from leadlens.models.settings import InceptionTimeSettings, ResNetSettings
from leadlens.simulate import CohortSettings, programme_batch, render_all

SEED = 31
HUM_HZ, HUM_MV = 40.0, 0.2
SMALL = ResNetSettings(n_filters=(16, 24, 32))
INCEPTION = InceptionTimeSettings(depth=3, n_filters=8, kernels=(39, 19, 9))


def labelled(bundle: Bundle, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return windows in mV and labels (n, class) of a factorial cohort."""
    settings = CohortSettings(cohort="factorial", n_recordings=n, seed=seed, fs=FS)
    batch = programme_batch(settings, np.arange(n))
    names = [diagnosis(code).abbreviation for code in bundle.config.classes]
    labels = np.array([[name in had for name in names] for had in batch.truth.names])
    return render_all(batch), labels


def train(
    network: nn.Module, windows: np.ndarray, labels: np.ndarray, epochs: int, seed: int = 0
) -> nn.Module:
    """Train a network on windows in mV, plainly."""
    torch.manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    signal, wanted = torch.from_numpy(windows), torch.from_numpy(labels.astype(np.float32))
    network.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(signal)).split(32):
            loss = nn.functional.binary_cross_entropy_with_logits(
                network(signal[rows]), wanted[rows]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


def tested(bundle: Bundle, network: nn.Module, windows: np.ndarray, labels: np.ndarray) -> Bundle:
    """Return a network as a bundle that knows its skill on ECGs which it has not seen."""
    other = replace(bundle, model=network)
    said = 1 / (1 + np.exp(-other.logits(windows)))
    skills = skills_of(labels, np.ones_like(labels), said)
    held = HeldOut(on=f"{len(windows)} held-out simulated ECGs", skills=skills)
    return replace(other, config=bundle.config.model_copy(update={"held_out": held}))


def meaningless(
    bundle: Bundle, n_networks: int, n_train: int, epochs: int
) -> Iterator[tuple[str, Bundle]]:
    """Yield networks that have nothing to explain, each kind `n_networks` times."""
    own, n_classes = bundle.config.model, len(bundle.config.classes)
    for seed in range(SEED + 10, SEED + 10 + n_networks):
        windows, true = labelled(bundle, n_train * 5 // 4, seed)
        shuffled = np.random.default_rng(seed).permutation(true)
        few = min(n_train, 300)
        learned = build_model(own, 12, n_classes, seed)
        small = build_model(SMALL, 12, n_classes, seed)
        rest = (windows[n_train:], shuffled[n_train:])
        rest_true = (windows[n_train:], true[n_train:])
        yield "untrained", tested(bundle, learned.eval(), *rest_true)
        inception = build_model(INCEPTION, 12, n_classes, seed).eval()
        yield "untrained InceptionTime", tested(bundle, inception, *rest_true)
        learned = train(learned, windows[:n_train], shuffled[:n_train], epochs, seed)
        yield "shuffled labels", tested(bundle, learned, *rest)
        small = train(small, windows[:few], shuffled[:few], 8 * epochs, seed)
        after = slice(few, few * 5 // 4)
        yield "shuffled labels by heart", tested(bundle, small, windows[after], shuffled[after])


def shown(
    bundle: Bundle, windows: np.ndarray, asked: np.ndarray, n: int, settings: ExplainSettings
) -> dict[str, Any]:
    """Return how many answers were asked for, in `n` ECGs at most, and how many are shown.

    Args:
        bundle: the model, with its held-out skill.
        windows: in mV.
        asked: (n, class) what may be asked of each ECG; one is drawn.
        n: ECGs.
        settings: of the explanations.
    """
    rng = np.random.default_rng(SEED)
    skills = None if bundle.config.held_out is None else bundle.config.held_out.skills
    counts = dict.fromkeys(("asked", "shown", "shown_by_one_ecg", "not_explained", "skilled"), 0)
    for number in np.flatnonzero(asked.any(axis=1))[:n].tolist():
        column = int(rng.choice(np.flatnonzero(asked[number])))
        counts["asked"] += 1
        counts["skilled"] += skills is not None and held_out_gate(skills, column) is None
        try:
            said = explain_window(bundle, windows[number], "mV", settings, number)
        except SignalError:
            counts["not_explained"] += 1
            continue
        counts["shown"] += explanation_gate(said, column, skills) is None
        counts["shown_by_one_ecg"] += attribution_gate(said, column) is None
    return counts


def with_shares(counts: dict[str, int]) -> dict[str, Any]:
    """Return counts with the share that is shown and its 95 % interval (Wilson)."""
    if not counts["asked"]:
        return {**counts, "share": None, "interval": None}
    share = counts["shown"] / counts["asked"]
    ends = binomtest(counts["shown"], counts["asked"]).proportion_ci(method="wilson")
    interval = [round(float(end), 4) for end in ends]
    return {**counts, "share": round(share, 4), "interval": interval}


def shortcut(
    bundle: Bundle,
    windows: np.ndarray,
    labels: np.ndarray,
    n_epochs: int,
    settings: ExplainSettings,
) -> dict[str, float]:
    """Return how much of the map is on V6 where hum in V6 is what one label means."""
    rng, column, v6 = np.random.default_rng(0), 0, STANDARD_LEADS.index("V6")
    has_hum = rng.random(len(windows)) < 0.5
    planted = np.stack([
        hum(window, v6, FS, HUM_HZ, HUM_MV) if is_hum else window
        for window, is_hum in zip(windows, has_hum, strict=True)
    ])  # fmt: skip
    labels = labels.copy()
    labels[:, column] = has_hum
    n_test = len(windows) // 5
    untrained = build_model(SMALL, 12, labels.shape[1], 1)
    network = train(untrained, planted[n_test:], labels[n_test:], n_epochs)
    told = replace(bundle, model=network)
    says = told.logits(planted[:n_test])[:, column] > 0
    shares = []
    for number in np.flatnonzero(says & has_hum[:n_test])[:12].tolist():
        said = explain_window(told, planted[number], "mV", settings, number)
        lead = np.maximum(said.sums["lead"].values[column], 0.0)
        shares.append(lead[-1] / lead.sum())
    return {
        "accuracy": float((says == has_hum[:n_test]).mean()),
        "share_on_v6": float(np.mean(shares)), "n": len(shares),
    }  # fmt: skip


def survey(
    bundle: Bundle, options: argparse.Namespace, settings: ExplainSettings
) -> dict[str, dict[str, Any]]:
    """Return what is shown of the reference model's right answers, and of meaningless networks'."""
    size = (8, 1, 200, 1) if options.quick else (options.n, options.networks, 2000, 6)
    n, n_networks, n_train, epochs = size
    batch, windows, says = held_out(bundle, 200 if options.quick else 800, SEED + 1)
    names = [diagnosis(code).abbreviation for code in bundle.config.classes]
    labels = np.array([[name in had for name in names] for had in batch.truth.names])
    found = {"reference, right answers": shown(bundle, windows, labels & says, n, settings)}
    print(found, file=sys.stderr, flush=True)
    for name, other in meaningless(bundle, n_networks, n_train, epochs):
        for kind, asked in (("true", labels), ("given", other.logits(windows) > 0)):
            counts = shown(other, windows, asked, max(n // 8, 2), settings)
            before = found.get(f"{name}: {kind}", dict.fromkeys(counts, 0))
            found[f"{name}: {kind}"] = {key: before[key] + counts[key] for key in counts}
            print(name, kind, found[f"{name}: {kind}"], file=sys.stderr, flush=True)
    return {name: with_shares(counts) for name, counts in found.items()}


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=160, help="ECGs explained by the reference; an "
                        "eighth of them by each other network")  # fmt: skip
    parser.add_argument("--networks", type=int, default=3, help="networks of each other kind")
    parser.add_argument("--method", default=ExplainSettings().method, choices=PERTURBATION,
                        help="of the explanations")  # fmt: skip
    add_model_options(parser)
    parser.set_defaults(out=Path("runs/explain_gates"))
    options = parser.parse_args()
    settings = ExplainSettings(method=options.method)
    bundle = chosen_model(options, SEED)
    found = survey(bundle, options, settings)
    for name, item in found.items():
        print(f"{name:34s} {item['shown']} of {item['asked']} shown, 95 % interval "
              f"{item['interval']}; by one ECG alone {item['shown_by_one_ecg']}")  # fmt: skip
    _, windows, says = held_out(bundle, 100, SEED + 2)
    _, labels = labelled(bundle, len(windows), SEED + 2)
    right = np.flatnonzero((labels & says).any(axis=1))[: 1 if options.quick else 4]
    columns = (labels & says)[right].argmax(axis=1).tolist()
    card = judge(bundle, windows[right], columns, "mV", settings).as_dict()
    print("metric card of these settings:", json.dumps(card))
    others, true = labelled(bundle, 300 if options.quick else 1000, SEED + 3)
    planted = shortcut(bundle, others, true, 3 if options.quick else 40, settings)
    print(f"planted shortcut: {planted}")
    print(
        json.dumps(
            {
                "method": settings.method,
                "gates": found,
                "card": card,
                "shortcut": planted,
                "quick": options.quick,
            }
        )
    )


if __name__ == "__main__":
    main()
