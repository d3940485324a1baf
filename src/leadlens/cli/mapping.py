"""The command that explains a model on a whole store."""

from pathlib import Path
from typing import Annotated

import typer

from leadlens.cli.terminal import (
    EngineOption,
    JsonOption,
    SetOption,
    WorkersOption,
    out,
    print_json,
    progress_bar,
    say,
)
from leadlens.engines.engine import choose_engine
from leadlens.settings import apply_changes


def map_command(
    model: Annotated[Path, typer.Argument(help="A model's folder.")],
    store: Annotated[Path, typer.Argument(help="A store that the model has not seen.")],
    folder: Annotated[Path, typer.Option("--out", help="Folder for the page and the numbers.")],
    n_per_class: Annotated[
        int, typer.Option("--n", min=1, help="Recordings for each diagnosis, at most.")
    ] = 50,
    changes: SetOption = None,
    workers: WorkersOption = None,
    engine: EngineOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Map which leads, waves and timings speak for each diagnosis, over a store."""
    from leadlens.report.map_page import explain_store

    chosen = choose_engine(engine, workers)
    values = apply_changes({}, tuple(changes or ()))
    with progress_bar("explaining", "ECGs") as move:
        said = explain_store(model, store, folder, n_per_class, values, chosen, move)
    if as_json:
        print_json(said)
        return
    for name, why in said["refused"].items():
        say(f"not explained: {name}: {why}")
    for name, why in said["withheld"].items():
        out.print(f"{name} withheld: {why}", markup=False, highlight=False)
    out.print(f"page: {said['page']}", markup=False, highlight=False, soft_wrap=True)
