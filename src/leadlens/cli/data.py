"""Commands that make stores."""

from pathlib import Path
from typing import Annotated

import typer

from leadlens.cli.terminal import (
    JsonOption,
    WorkersOption,
    out,
    print_json,
    progress_bar,
    say,
)
from leadlens.data.ingest import IngestSettings
from leadlens.data.ingest import ingest as ingest_source
from leadlens.data.sources import CohortSource, FolderSource, RecordingSource
from leadlens.data.store import Store
from leadlens.engines.local import available_cores
from leadlens.settings import checked
from leadlens.simulate import CohortSettings

OutOption = Annotated[Path, typer.Option("--out", help="Folder of the store to make.")]


def ingest(
    folders: Annotated[list[Path], typer.Argument(help="Folders of WFDB records, searched deep.")],
    out_folder: OutOption,
    fs: Annotated[float, typer.Option(help="Sampling rate of the store, Hz.")] = 500.0,
    duration: Annotated[float, typer.Option(help="Length of a window, s.")] = 10.0,
    resampling: Annotated[str, typer.Option(help="polyphase or fft (as published).")] = "polyphase",
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a store from folders of ECG files; bad files are left out and listed."""
    settings = checked(
        IngestSettings,
        {"fs": fs, "duration": duration, "resampling": resampling},
        "ingest",
    )
    store = _make(FolderSource.find(folders), out_folder, settings, workers, "reading ECGs")
    _print_store(store, as_json)


def simulate(
    out_folder: OutOption,
    n: Annotated[int, typer.Option(help="Number of recordings.")] = 1000,
    cohort: Annotated[str, typer.Option(help="balanced or challenge.")] = "balanced",
    seed: Annotated[int, typer.Option(help="Same seed, same recordings.")] = 0,
    fs: Annotated[float, typer.Option(help="Sampling rate, Hz.")] = 500.0,
    duration: Annotated[float, typer.Option(help="Length of a recording, s.")] = 10.0,
    noise: Annotated[str, typer.Option(help="default or none.")] = "default",
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a store of simulated 12-lead ECGs whose diagnoses are known."""
    values = {
        "n_recordings": n,
        "cohort": cohort,
        "seed": seed,
        "fs": fs,
        "duration": duration,
        "noise": noise,
    }
    settings = checked(CohortSettings, values, "simulate")
    windows = IngestSettings(fs=fs, duration=duration)
    store = _make(CohortSource(settings), out_folder, windows, workers, "simulating ECGs")
    _print_store(store, as_json)


def _make(
    source: RecordingSource,
    path: Path,
    settings: IngestSettings,
    workers: int | None,
    what: str,
) -> Store:
    """Return the store made from `source`, with a progress bar."""
    with progress_bar(what, "ECGs") as move:
        return ingest_source(source, path, settings, workers or available_cores(), move)


def _print_store(store: Store, as_json: bool) -> None:
    """Print what a store holds and what was refused."""
    manifest = store.manifest
    n_clipped = sum(row.n_clipped > 0 for row in store.rows)
    if as_json:
        print_json(
            {
                "store": str(store.path),
                "recordings": manifest.n_recordings,
                "windows": manifest.n_windows,
                "refused": manifest.n_refused,
                "fs": manifest.fs,
                "windows_clipped": n_clipped,
            }
        )
        return
    out.print(
        f"{store.path}: {manifest.n_recordings} recordings in {manifest.n_windows} windows of "
        f"{manifest.duration:g} s at {manifest.fs:g} Hz, {manifest.n_refused} refused",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    if manifest.n_refused:
        say(f"refused recordings and the reasons are listed in {store.path / 'refused.csv'}")
    if n_clipped:
        say(f"{n_clipped} windows reach beyond 32.767 mV and were cut off there")
