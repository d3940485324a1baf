"""Do the gates withhold what means nothing, and show what does?

    python benchmarks/explain_gates.py [--model FOLDER] [--out FOLDER] [--n N] [--quick]

Of held-out simulated ECGs, each model explains answers: the reference model (see explain_cases.py)
those that it gets right; untrained networks, one trained on shuffled labels, and one that learned
shuffled labels by heart those to the true diagnoses, and those where it says yes. Printed are the
shares that `attribution_gate` shows, looking at one ECG, and that it shows of the diagnoses which
`skill_gate` lets pass, looking at held-out labels too. Then the metric card of the default on the
reference model, and a planted shortcut: a small network trained where hum in V6 is what one label
means; wanted is its share of the map. The last line is one JSON object.
"""

import argparse
import json
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from explain_cases import FS, add_model_options, chosen_model, held_out
from torch import nn

from leadlens.bundle import Bundle
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.explain.gates import attribution_gate, skill_gate
from leadlens.explain.judge import judge
from leadlens.explain.sanity import hum
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import explain_window
from leadlens.models.registry import build_model
from leadlens.models.settings import InceptionTimeSettings, ResNetSettings
from leadlens.simulate import CohortSettings, programme_batch, render_all

DEFAULT = ExplainSettings(pieces="waves")
HUM_HZ, HUM_MV = 40.0, 0.2
SMALL = ResNetSettings(n_filters=(16, 24, 32))


def labelled(bundle: Bundle, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return windows in mV and labels (n, class) of a factorial cohort."""
    settings = CohortSettings(cohort="factorial", n_recordings=n, seed=seed, fs=FS)
    batch = programme_batch(settings, np.arange(n))
    names = [diagnosis(code).abbreviation for code in bundle.config.classes]
    labels = np.array([[name in had for name in names] for had in batch.truth.names])
    return render_all(batch), labels


def train(network: nn.Module, windows: np.ndarray, labels: np.ndarray, epochs: int) -> nn.Module:
    """Train a network on windows in mV, plainly."""
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    signal, wanted = torch.from_numpy(windows), torch.from_numpy(labels.astype(np.float32))
    network.train()
    for epoch in range(epochs):
        print(f"epoch {epoch + 1} of {epochs}", file=sys.stderr, flush=True)
        for rows in torch.randperm(len(signal)).split(32):
            loss = nn.functional.binary_cross_entropy_with_logits(
                network(signal[rows]), wanted[rows]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


def shown(
    bundle: Bundle, windows: np.ndarray, labels: np.ndarray, asked: np.ndarray, n: int
) -> dict[str, Any]:
    """Return the shares of explanations that the gates show, and what they look at."""
    logits, everyone = bundle.logits(windows).astype(np.float64), np.ones(len(windows), bool)
    has_skill = [
        skill_gate(labels[:, k], everyone, logits[:, k]) is None for k in range(labels.shape[1])
    ]
    rows = []
    for number in np.flatnonzero(asked.any(axis=1))[:n].tolist():
        said = explain_window(bundle, windows[number], "mV", DEFAULT, number)
        for column in np.flatnonzero(asked[number]).tolist():
            passes = attribution_gate(said, column) is None
            rows.append((passes, passes and has_skill[column], said.r2[column],
                         said.values[column].sum(), said.logits[column]))  # fmt: skip
    if not rows:
        return {"explanations": 0, "shown": 0.0, "shown_with_skill": 0.0}
    table = np.array(rows)
    return {
        "explanations": len(table), "shown": float(table[:, 0].mean()),
        "shown_with_skill": float(table[:, 1].mean()), "skilled_classes": float(np.mean(has_skill)),
        **{f"{name}_quantiles": np.quantile(table[:, k], [0.05, 0.5, 0.95]).round(3).tolist()
           for k, name in ((2, "r2"), (3, "summed_values"), (4, "logit"))},
    }  # fmt: skip


def shortcut(
    bundle: Bundle, windows: np.ndarray, labels: np.ndarray, n_epochs: int
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
        said = explain_window(told, planted[number], "mV", DEFAULT, number)
        lead = np.maximum(said.sums["lead"].values[column], 0.0)
        shares.append(lead[-1] / lead.sum())
    return {
        "accuracy": float((says == has_hum[:n_test]).mean()),
        "share_on_v6": float(np.mean(shares)), "n": len(shares),
    }  # fmt: skip


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=40, help="ECGs explained by each model")
    add_model_options(parser)
    options = parser.parse_args()
    bundle = chosen_model(options)
    n, n_train, epochs = (8, 500, 2) if options.quick else (options.n, 2000, 6)
    _, windows, says = held_out(bundle, 200 if options.quick else 800)
    _, labels = labelled(bundle, len(windows), 22)
    own, n_classes = bundle.config.model, len(bundle.config.classes)
    networks = {
        "untrained, the reference's kind": build_model(own, 12, n_classes, 5).eval(),
        "untrained InceptionTime": build_model(
            InceptionTimeSettings(depth=3, n_filters=8, kernels=(39, 19, 9)), 12, n_classes, 5
        ).eval(),
    }
    others, true = labelled(bundle, n_train, 23)
    shuffled = np.random.default_rng(0).permutation(true)
    networks["shuffled labels"] = train(
        build_model(own, 12, n_classes, 6), others, shuffled, epochs
    )
    few = min(n_train, 300)
    networks["shuffled labels by heart"] = train(
        build_model(SMALL, 12, n_classes, 6), others[:few], shuffled[:few], 8 * epochs
    )
    found = {"reference, right answers": shown(bundle, windows, labels, labels & says, n)}
    for name, network in networks.items():
        other = replace(bundle, model=network)
        found[f"{name}: true"] = shown(other, windows, labels, labels, n)
        given = other.logits(windows) > 0
        found[f"{name}: given"] = shown(other, windows, labels, given, n)
    for name, item in found.items():
        print(f"{name:40s} shown {item['shown']:.2f} by one ECG, {item['shown_with_skill']:.2f} "
              f"with held-out labels, of {item['explanations']}")  # fmt: skip
    right = np.flatnonzero((labels & says).any(axis=1))[: max(n // 10, 2)]
    columns = (labels & says)[right].argmax(axis=1).tolist()
    card = judge(bundle, windows[right], columns, "mV", DEFAULT).as_dict()
    print("metric card of the default:", json.dumps(card))
    planted = shortcut(bundle, others[:1000], true[:1000], 8 if options.quick else 12)
    print(f"planted shortcut: {planted}")
    print(json.dumps({"gates": found, "card": card, "shortcut": planted, "quick": options.quick}))


if __name__ == "__main__":
    main()
