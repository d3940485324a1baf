"""Commands around one model: train, evaluate, explain, predict."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from leadlens.cli.terminal import (
    CurvesOption,
    DeviceOption,
    JsonOption,
    SetOption,
    number,
    out,
    print_json,
    print_table,
    progress_bar,
    say,
)
from leadlens.ecg.diagnoses import diagnosis
from leadlens.errors import ConfigError, LeadlensError
from leadlens.settings import apply_changes

if TYPE_CHECKING:
    from leadlens.bundle import Prediction
    from leadlens.report.ecg_paper import Layout, Order

ModelArgument = Annotated[Path, typer.Argument(help="A model's folder, such as MODEL.")]
StoreArgument = Annotated[Path, typer.Argument(help="A store made by ingest or simulate.")]


def train(
    store: StoreArgument,
    out_folder: Annotated[Path, typer.Option("--out", help="Folder of the model to make.")],
    preset: Annotated[
        str, typer.Option(help="best, small, resnet, inception_time or paper.")
    ] = "small",
    fs: Annotated[float | None, typer.Option(help="Rate, Hz (default: the store's).")] = None,
    hold_out: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Share of recordings kept for the test.")
    ] = 0.2,
    min_positives: Annotated[
        int, typer.Option(min=1, help="Diagnoses with fewer recordings are not trained.")
    ] = 15,
    device: DeviceOption = "auto",
    curves: CurvesOption = None,
    changes: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train one model on a store and score it on recordings held out by patient.

    Under torchrun its processes, on one machine or several, train the one model together.
    """
    from leadlens.training.memory import keep_memory
    from leadlens.training.single import train_single
    from leadlens.training.world import speaks

    keep_memory()
    values = apply_changes({}, tuple(changes or ()))
    with progress_bar("training", "epochs") as move:
        result = train_single(
            store,
            out_folder,
            preset,
            values,
            fs=fs,
            hold_out=hold_out,
            min_positives=min_positives,
            device=device,
            on_epoch=move,
            on_note=say if speaks() else None,
            curves=curves,
        )
    if not speaks():
        return
    if as_json:
        print_json({"model": str(out_folder), "held_out": result})
        return
    if result:
        _print_scores(f"{out_folder}: recordings held out", result)
    out.print(f"model: {out_folder}", markup=False, highlight=False, soft_wrap=True)


def evaluate(
    model: ModelArgument,
    store: StoreArgument,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Score a saved model on a store, on the diagnoses that both know."""
    from leadlens.bundle import load_bundle
    from leadlens.data.store import open_store
    from leadlens.training.devices import choose_device
    from leadlens.training.single import evaluate_bundle

    bundle = load_bundle(model, choose_device(device))
    with tempfile.TemporaryDirectory() as scratch:
        result = evaluate_bundle(bundle, open_store(store), Path(scratch))
    if as_json:
        print_json(result)
        return
    _print_scores(f"{model} on {store}", result)


def predict(
    model: ModelArgument,
    files: Annotated[list[Path], typer.Argument(help="ECG files, or folders of them.")],
    top: Annotated[int, typer.Option(min=1, help="Diagnoses to list a recording.")] = 5,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Print what a model says of ECG files; files it cannot read are named, exit code 2."""
    from leadlens.bundle import NOT_A_DEVICE, load_bundle
    from leadlens.io import read
    from leadlens.training.devices import choose_device

    bundle = load_bundle(model, choose_device(device))
    results, failures = [], []
    for path in _files(files):
        try:
            results.append((path, bundle.predict(read(path))))
        except LeadlensError as error:
            failures.append({"file": str(path), "error": str(error)})
            say(f"error: {error}")
    if as_json:
        print_json(
            {
                "model": str(model),
                "trained_on": bundle.config.trained_on,
                "note": NOT_A_DEVICE,
                "predictions": [_prediction_json(path, said) for path, said in results],
                "failures": failures,
            }
        )
    else:
        for path, said in results:
            order = said.probabilities.argsort()[::-1][:top]
            out.print(f"\n{path}", markup=False, highlight=False, soft_wrap=True)
            rows = [_prediction_row(said, int(i)) for i in order]
            print_table("", ["diagnosis", "probability", "decision"], rows)
        say(f"model trained on {bundle.config.trained_on['sources']}. {NOT_A_DEVICE}")
    if failures:
        raise typer.Exit(2)


def explain(
    model: ModelArgument,
    file: Annotated[Path, typer.Argument(help="One ECG file; with --judge also a folder.")],
    names: Annotated[
        list[str] | None,
        typer.Option("--diagnosis", help="Abbreviation or code (default: those given)."),
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="HTML file (default: FILE-explained.html).")
    ] = None,
    window: Annotated[int, typer.Option(min=0, help="Which window of a long recording.")] = 0,
    layout: Annotated[str, typer.Option(help="3x4, 12x1, or median: one beat of each lead.")] = (
        "3x4"
    ),
    order: Annotated[str, typer.Option(help="Of the limb leads: standard or cabrera.")] = (
        "standard"
    ),
    figures: Annotated[
        Path | None, typer.Option(help="Folder for each drawing as SVG and PNG, too.")
    ] = None,
    judge: Annotated[
        bool, typer.Option("--judge", help="Print how far the explainer can be trusted, no page.")
    ] = False,
    n: Annotated[
        int | None, typer.Option(min=1, help="ECGs of a folder to judge on (default: 10).")
    ] = None,
    changes: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which leads, and when, made a model say so, on ECG paper."""
    values, asked = apply_changes({}, tuple(changes or ())), tuple(names or ())
    if judge:
        draws = bool(out_file or figures or window) or (layout, order) != ("3x4", "standard")
        _judge(model, file, asked, n, values, as_json, draws)
        return
    if n is not None:
        raise ConfigError(f"--n {n} is the number of ECGs to judge on: use it with --judge")
    if file.is_dir():
        raise ConfigError(f"{file} is a folder: name one ECG file, or judge on all with --judge")
    from leadlens.report.explanation_page import explain_file

    target = out_file or Path(f"{file.stem}-explained.html")
    said = explain_file(
        model, file, asked, target, window, values,
        layout=cast("Layout", layout), order=cast("Order", order), figures=figures,
    )  # fmt: skip
    if as_json:
        print_json(said)
        return
    for item in said["diagnoses"]:
        out.print(f"{item['abbreviation']}: {item['sentence']}", markup=False, highlight=False)
    for name, why in said["skipped"].items():
        say(f"not explained: {name}: {why}")
    out.print(f"page: {target}", markup=False, highlight=False, soft_wrap=True)


def _judge(
    model: Path,
    file: Path,
    names: tuple[str, ...],
    n: int | None,
    changes: dict[str, Any],
    as_json: bool,
    draws: bool,
) -> None:
    """Judge an explainer; `draws` tells whether a drawing was asked for too."""
    from leadlens.cli.judging import judge_files

    if draws:
        raise ConfigError(
            "--judge prints a card of first windows and draws nothing: "
            "leave out --out, --figures, --window, --layout and --order"
        )
    judge_files(model, _files([file]), names, n or 10, changes, as_json)


def _files(paths: list[Path]) -> list[Path]:
    """Return the ECG files among `paths`, folders searched deep."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob("*.hea")) if path.is_dir() else [path]
    if not found:
        raise ConfigError(f"no ECG file (.hea) in {', '.join(str(path) for path in paths)}")
    return found


def _prediction_row(said: "Prediction", column: int) -> list[str]:
    """Return one diagnosis of a prediction as a table's row."""
    item = diagnosis(said.classes[column])
    probability = number(float(said.probabilities[column]))
    decision = "given" if said.decisions[column] else ""
    return [f"{item.name} ({item.abbreviation})", probability, decision]


def _prediction_json(path: Path, said: "Prediction") -> dict[str, Any]:
    """Return one prediction as JSON values."""
    return {
        "file": str(path),
        "record_id": said.record_id,
        "probabilities": {
            code: round(float(p), 6)
            for code, p in zip(said.classes, said.probabilities, strict=True)
        },
        "given": [c for c, d in zip(said.classes, said.decisions, strict=True) if d],
    }


def _print_scores(title: str, result: dict[str, Any]) -> None:
    """Print macro and per-class scores."""
    rows = [["macro", *(number(result["macro"][m]) for m in ("auroc", "auprc", "f1")), ""]]
    for item in result["classes"]:
        rows.append(
            [
                item["abbreviation"],
                *(number(item[m]) for m in ("auroc", "auprc", "f1")),
                f"{item['n_positive']} / {item['n_known']}",
            ]
        )
    columns = ["diagnosis", "AUROC", "AUPRC", "F1", "positive / known"]
    print_table(f"{title} ({result['recordings']} recordings)", columns, rows)
    if result["unknown_here"]:
        say(f"not annotated in this store, so not scored: {', '.join(result['unknown_here'])}")
