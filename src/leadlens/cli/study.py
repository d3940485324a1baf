"""Commands around a study: plan, run, report, and the demo."""

import shlex
import threading
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadlens.cli.terminal import (
    CurvesOption,
    DeviceOption,
    EngineOption,
    JsonOption,
    SetOption,
    WorkersOption,
    out,
    print_json,
    print_table,
    progress_bar,
    say,
)
from leadlens.engines.engine import Engine, choose_engine
from leadlens.engines.local import available_cores
from leadlens.errors import ConfigError
from leadlens.study.plan import Cell, axis_text, n_epochs_done, plan_cells
from leadlens.study.settings import StudySettings, read_study

if TYPE_CHECKING:  # It would import torch.
    from leadlens.study.pretraining import Pretraining

app = typer.Typer(help="Plan and run a study: a grid of trainings with cross-validation.")

FileArgument = Annotated[Path, typer.Argument(help="The study's settings, a YAML file.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="The study's folder (default: runs/NAME).")
]


@app.command()
def plan(
    file: FileArgument,
    out_folder: OutOption = None,
    changes: SetOption = None,
    trial: Annotated[
        bool, typer.Option("--time", help="Try a few steps of each training, to tell the time.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List a study's cells, which of them are done, and how long the others will take."""
    from leadlens.study.estimate import estimates

    study = read_study(file, tuple(changes or ()))
    cells = plan_cells(study, _folder(study, out_folder))
    left = estimates(study, cells, on_trial=trial)
    if as_json:
        listed = [
            {"cell": cell.name, "tests": cell.tested, "done": cell.is_done, "core_s_left": seconds}
            for cell, seconds in zip(cells, left, strict=True)
        ]
        print_json({"study": study.name, "cells": listed})
        return
    rows = [
        [
            _named(cell), cell.training.model.name, str(cell.training.n_epochs),
            "\u2013" if seconds is None else f"{seconds / 60:.1f}", _state(cell),
        ]
        for cell, seconds in zip(cells, left, strict=True)
    ]  # fmt: skip
    n_done = sum(cell.is_done for cell in cells)
    title = f"{study.name}: {len(cells)} cells, {n_done} done"
    print_table(title, ["cell", "network", "epochs", "core-minutes", "state"], rows)
    known = [seconds for seconds in left if seconds is not None]
    if len(known) < len(left):
        say(
            "how long is not known before a cell is done: --time tries a few steps of each training"
        )
    elif n_done < len(cells):
        hours = sum(known) / 3600
        say(f"left: {hours:.1f} core-hours of training, {hours / available_cores():.1f} h here")


@app.command()
def run(
    file: FileArgument,
    out_folder: OutOption = None,
    workers: WorkersOption = None,
    engine: EngineOption = "local",
    device: DeviceOption = "auto",
    per_gpu: Annotated[
        int, typer.Option("--per-gpu", min=1, help="Cells that share a GPU (default: 1).")
    ] = 1,
    curves: CurvesOption = None,
    changes: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute all cells that are not done, explain, and write the report."""
    study = read_study(file, tuple(changes or ()))
    words = ["leadlens", "study", "run", str(file)]
    for change in changes or ():
        words += ["--set", change]
    command = shlex.join(words)
    chosen = _engine(engine, workers, device, per_gpu)
    _run(study, _folder(study, out_folder), chosen, device, command, as_json, curves)


def demo(
    out_folder: Annotated[Path, typer.Option("--out", help="The demo's folder.")] = Path(
        "runs/demo"
    ),
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a small study on simulated ECGs: two losses, three rates; a few minutes, no network."""
    study = read_study(_demo_file())
    say("simulated ECGs, for a first look; no statement about patients")
    _run(study, out_folder, _engine("local", workers, "cpu", 1), "cpu", "leadlens demo", as_json)


def report(
    folder: Annotated[Path, typer.Argument(help="A study's folder, such as runs/demo.")],
    store: Annotated[
        Path | None, typer.Option("--store", help="The study's store, if it was moved.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the HTML report of a study from what its cells kept."""
    from leadlens.report.study_report import write_report

    _print_results(folder, write_report(folder, store), as_json)


def _engine(name: str, workers: int | None, device: str, per_gpu: int) -> Engine:
    """Return who computes; on a GPU as many at a time as are said to share one."""
    from torch import cuda

    from leadlens.training.devices import choose_device

    n_gpus = cuda.device_count() if choose_device(device).type == "cuda" else 0
    return choose_engine(name, workers, n_gpus=n_gpus, per_gpu=per_gpu)


def _run(
    study: StudySettings,
    folder: Path,
    engine: Engine,
    device: str,
    command: str,
    as_json: bool,
    curves: Path | None = None,
) -> None:
    """Run a study with progress, then print its table and the report's path."""
    from leadlens.errors import require_extra
    from leadlens.report.study_report import write_report
    from leadlens.study.run import run_study

    for module in ("jinja2", "matplotlib"):
        require_extra(module, "report", "the study's report")

    with progress_bar("preparing recordings", "") as move, TrainingProgress() as training:
        run_study(
            study,
            folder,
            engine,
            device,
            command,
            on_progress=move,
            on_training=training.begin,
            on_note=say,
            curves=curves,
        )
    path = write_report(folder)
    _print_results(folder, path, as_json)


class TrainingProgress:
    """A bar over all epochs of all cells, read from the cells' logs twice a second."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "TrainingProgress":
        return self

    def begin(self, cells: list[Cell], starts: "list[Pretraining]") -> None:
        """Show the bars: the data are there, training starts."""
        self._thread = threading.Thread(target=self._show, args=(cells, starts), daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _show(self, cells: list[Cell], starts: "list[Pretraining]") -> None:
        if starts:
            cohort, total = starts[0].cohort, sum(start.training.n_epochs for start in starts)
            title = f"pre-training {len(starts)} models on {cohort.n_recordings:,} simulated ECGs"
            self._follow(title, total, lambda: sum(start.n_epochs_done for start in starts))
        if self._stop.is_set():
            return
        total = sum(cell.training.n_epochs for cell in cells)
        title = f"training {len(cells)} cells"
        self._follow(title, total, lambda: sum(n_epochs_done(cell) for cell in cells))

    def _follow(self, title: str, total: int, count: Callable[[], int]) -> None:
        """Show a bar until all epochs are done, or the command ends."""
        done = 0
        with progress_bar(title, "epochs") as move:
            while done < total and not self._stop.wait(0.5):
                done = count()
                move(done, total)


def _print_results(folder: Path, path: Path, as_json: bool) -> None:
    """Print the table of a study and where its report lies."""
    from leadlens.files import read_json
    from leadlens.report.tables import COLUMNS

    results = read_json(folder / "results.json")
    if as_json:
        print_json({**results, "report": str(path)})
        return
    metrics = ("auroc", "f1", "accuracy", "challenge")
    axes = list(results["conditions"][0]["condition"])
    rows = []
    for condition in results["conditions"]:
        cells = [_plus_minus(condition["mean"][m], condition["sd"][m]) for m in metrics]
        rows.append([*(axis_text(condition["condition"][axis]) for axis in axes), *cells])
    for name, floor in results["conditions"][0]["floors"].items():
        empty = [""] * (len(axes) - 1)
        rows.append([f"({name})", *empty, *(_plus_minus(floor[m], None) for m in metrics)])
    title = f"{folder.resolve().name}: mean over folds \u00b1 SD; in brackets what guessing scores"
    headings = [COLUMNS[m].removesuffix(" score") for m in metrics]
    print_table(title, [*axes, *headings], rows, n_left=len(axes))
    if results["contrasts"]:
        _print_contrasts(results["contrasts"])
    out.print(f"report: {path}", markup=False, highlight=False, soft_wrap=True)


def _print_contrasts(contrasts: list[dict[str, Any]]) -> None:
    """Print how much better conditions are than those they are compared with."""
    from leadlens.report.comparison_tables import contrast_tables
    from leadlens.study.contrasts import read_contrast

    for table in contrast_tables([read_contrast(each) for each in contrasts], ("auroc", "f1")):
        title = table.heading[0].lower() + table.heading[1:]
        title += ": mean [95 %], corrected resampled t-test"
        print_table(title, ["", *table.columns[1:]], [list(row) for row in table.rows])


def _plus_minus(mean: float | None, sd: float | None) -> str:
    if mean is None:
        return "\u2013"
    return f"{mean:.3f}" + (f"\u00b1{sd:.3f}" if sd is not None else "")


def _state(cell: Cell) -> str:
    if cell.is_done:
        return "done"
    n_epochs = n_epochs_done(cell)
    return f"{n_epochs} epochs" if n_epochs else "to do"


def _named(cell: Cell) -> str:
    """Return a cell's name, with the source that it tests where folds are sources."""
    return f"{cell.name} ({cell.source})" if cell.source else cell.name


def _folder(study: StudySettings, out_folder: Path | None) -> Path:
    return out_folder or Path("runs") / study.name


def _demo_file() -> Path:
    """Return the demo's settings: in the package, or in the repository it is run from."""
    inside = Path(str(resources.files("leadlens"))) / "studies" / "demo.yaml"
    beside = Path(__file__).parents[3] / "studies" / "demo.yaml"
    for path in (inside, beside):
        if path.exists():
            return path
    raise ConfigError("the demo's settings (studies/demo.yaml) are missing: install leadlens again")
