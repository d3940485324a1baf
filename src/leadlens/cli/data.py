"""Commands that make stores."""

from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer

from leadlens.cli.terminal import (
    EngineOption,
    JsonOption,
    WorkersOption,
    out,
    print_json,
    progress_bar,
    say,
)
from leadlens.data.ingest import IngestSettings, ingest_rates
from leadlens.data.ingest import ingest as ingest_source
from leadlens.data.sources import CohortSource, RecordingSource, find_sources
from leadlens.data.store import Store
from leadlens.engines.engine import Engine, choose_engine
from leadlens.errors import choices, require_extra
from leadlens.files import write_text
from leadlens.settings import checked
from leadlens.simulate import CohortSettings, programme_batch
from leadlens.simulate.export import export_evidence, export_wfdb

FORMATS: Final = ("store", "wfdb")
PAGE: Final = "evidence.html"

SimulatedOption = Annotated[
    Path, typer.Option("--out", help="Folder of the store, or of the WFDB records, to make.")
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder of the store to make.")]


def ingest(
    folders: Annotated[list[Path], typer.Argument(help="Folders of ECG files, searched deep.")],
    out_folder: OutOption,
    source: Annotated[
        str | None, typer.Option(help="wfdb, ptb-xl, ... (default: what each folder holds).")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="CSV of labels: columns record, codes, ...")
    ] = None,
    rate: Annotated[int | None, typer.Option(help="Of PTB-XL's files: 100 or 500 Hz.")] = None,
    all_known: Annotated[
        bool, typer.Option("--all-known", help="Never annotated means absent (as published).")
    ] = False,
    fs: Annotated[
        list[float] | None,
        typer.Option(help="Rate, Hz (default: 500); of several, a store each: OUT/500hz, ..."),
    ] = None,
    duration: Annotated[float, typer.Option(help="Length of a window, s.")] = 10.0,
    resampling: Annotated[str, typer.Option(help="polyphase or fft (as published).")] = "polyphase",
    workers: WorkersOption = None,
    engine: EngineOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Make a store from folders of ECG files; bad files are left out and listed."""
    chosen = choose_engine(engine, workers)
    values = {"duration": duration, "resampling": resampling}
    settings = [checked(IngestSettings, {"fs": one, **values}, "ingest") for one in fs or [500.0]]
    found = find_sources(folders, source, rate=rate, labels=labels, is_all_known=all_known)
    stores: tuple[Store, ...]
    if len(settings) == 1:
        stores = (_make(found, out_folder, settings[0], chosen, "reading ECGs"),)
    else:
        with progress_bar("reading ECGs", "ECGs") as move:
            stores = ingest_rates(found, out_folder, tuple(settings), chosen, move)
    if as_json:
        facts = [_store_facts(store) for store in stores]
        said = facts[0] if len(facts) == 1 else {"stores": facts}
        print_json(said | {"notes": list(found.notes)})
        return
    for store in stores:
        _say_store(store)
    for note in found.notes:
        say(note)


def simulate(
    out_folder: SimulatedOption,
    n: Annotated[int, typer.Option(help="Number of recordings.")] = 1000,
    cohort: Annotated[str, typer.Option(help="balanced, challenge, factorial or pairs.")] = (
        "balanced"
    ),
    diagnosis: Annotated[
        str | None, typer.Option(help="Of pairs: what the second of each lacks (default: all).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same recordings.")] = 0,
    fs: Annotated[float, typer.Option(help="Sampling rate, Hz.")] = 500.0,
    duration: Annotated[float, typer.Option(help="Length of a recording, s.")] = 10.0,
    noise: Annotated[str, typer.Option(help="bank (fast), fresh or none.")] = "bank",
    device: Annotated[str, typer.Option(help="mixed, or as in a source: ptb-xl, ...")] = "mixed",
    faults: Annotated[float, typer.Option(help="Share with a lead off or swapped.")] = 0.0,
    labels: Annotated[str, typer.Option(help="criteria (complete) or annotator.")] = "criteria",
    form: Annotated[str, typer.Option("--format", help="store or wfdb.")] = "store",
    evidence: Annotated[
        bool, typer.Option(help="Also write where each diagnosis shows (.npz).")
    ] = False,
    show: Annotated[
        int, typer.Option(min=0, max=50, help="Draw so many, with evidence, on a page.")
    ] = 0,
    workers: WorkersOption = None,
    engine: EngineOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Make simulated 12-lead ECGs whose diagnoses, and where they show, are known."""
    values = {
        "n_recordings": n, "cohort": cohort, "diagnosis": diagnosis, "seed": seed, "fs": fs,
        "duration": duration, "noise": noise, "device": device, "faults": faults, "labels": labels,
    }  # fmt: skip
    settings = checked(CohortSettings, values, "simulate", {"n_recordings": "--n"})
    if form not in FORMATS:
        raise choices("format", form, FORMATS)
    if show:
        # Before the work, not after it: the page needs an extra.
        require_extra("jinja2", "report", "drawing a page of evidence")
    chosen = choose_engine(engine, workers)
    make = _simulate_store if form == "store" else _simulate_wfdb
    said = make(settings, out_folder, evidence, chosen, as_json)
    if show:
        said["page"] = str(_draw(settings, out_folder / PAGE, show, as_json))
    if as_json:
        print_json(said)


def _simulate_store(
    settings: CohortSettings, path: Path, with_evidence: bool, engine: Engine, is_quiet: bool
) -> dict[str, Any]:
    """Make a store, its evidence in the folder `evidence` in it; return paths and counts."""
    windows = IngestSettings(fs=settings.fs, duration=settings.duration)
    store = _make(CohortSource(settings), path, windows, engine, "simulating ECGs")
    said = _store_facts(store)
    if not is_quiet:
        _say_store(store)
    if with_evidence:
        with progress_bar("writing evidence", "ECGs") as move:
            done = export_evidence(settings, path / "evidence", engine, move)
        said |= {"evidence": str(done.folder), "evidence_files": done.n_evidence}
        if not is_quiet:
            _say(f"evidence: {done.folder} ({done.n_evidence} files)")
    return said


def _simulate_wfdb(
    settings: CohortSettings, path: Path, with_evidence: bool, engine: Engine, is_quiet: bool
) -> dict[str, Any]:
    """Make a folder of WFDB records, with evidence beside them; return paths and counts."""
    with progress_bar("simulating ECGs", "ECGs") as move:
        done = export_wfdb(
            settings, path, with_evidence=with_evidence, engine=engine, on_progress=move
        )
    said: dict[str, Any] = {
        "wfdb": str(done.folder),
        "index": str(done.index),
        "settings": str(done.manifest),
        "recordings": done.n_recordings,
        "fs": settings.fs,
    }
    if done.n_evidence:
        said |= {"evidence": str(done.folder), "evidence_files": done.n_evidence}
    if not is_quiet:
        beside = f", evidence of {done.n_evidence} beside them" if done.n_evidence else ""
        _say(
            f"{done.folder}: {done.n_recordings} WFDB records of {settings.duration:g} s at "
            f"{settings.fs:g} Hz{beside}"
        )
    return said


def _draw(settings: CohortSettings, page: Path, n: int, is_quiet: bool) -> Path:
    """Write the page with the first `n` recordings and their evidence; return its path."""
    # Here, not above: drawing needs an extra, and every command reads this module.
    from leadlens.report.evidence_page import evidence_page

    batch = programme_batch(settings, np.arange(min(n, settings.n_recordings)))
    write_text(page, evidence_page([(batch, row) for row in range(len(batch))]))
    if not is_quiet:
        _say(f"page: {page} ({len(batch)} recordings)")
    return page


def _make(
    source: RecordingSource,
    path: Path,
    settings: IngestSettings,
    engine: Engine,
    what: str,
) -> Store:
    """Return the store made from `source`, with a progress bar."""
    with progress_bar(what, "ECGs") as move:
        return ingest_source(source, path, settings, engine, move)


def _store_facts(store: Store) -> dict[str, Any]:
    """Return what a store holds and what was refused, for machines."""
    return {
        "store": str(store.path),
        "recordings": store.manifest.n_recordings,
        "windows": store.manifest.n_windows,
        "refused": store.manifest.n_refused,
        "fs": store.manifest.fs,
        "windows_clipped": store.manifest.n_clipped,
    }


def _say_store(store: Store) -> None:
    """Print what a store holds and what was refused, for people."""
    manifest = store.manifest
    _say(
        f"{store.path}: {manifest.n_recordings} recordings in {manifest.n_windows} windows of "
        f"{manifest.duration:g} s at {manifest.fs:g} Hz, {manifest.n_refused} refused"
    )
    if manifest.n_refused:
        say(f"refused recordings and the reasons are listed in {store.path / 'refused.csv'}")
    if manifest.n_clipped:
        say(f"{manifest.n_clipped} windows reach beyond 32.767 mV and were cut off there")


def _say(text: str) -> None:
    """Print a line of results on stdout."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)
