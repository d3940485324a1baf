"""The entry point: commands, and what happens to errors."""

from typing import Any

import typer
from typer.core import TyperGroup

import leadlens
from leadlens.cli import auditing, data, fetching, folds, mapping, models, study
from leadlens.cli.terminal import say
from leadlens.errors import LeadlensError

GO_ON = ("demo", "fetch", "ingest", "simulate", "study", "train", "map")
"""Commands that, run again, go on where they were stopped."""


class Commands(TyperGroup):
    """Commands whose errors end with a message and exit code 2, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except LeadlensError as error:
            say(f"error: {error}")
            raise typer.Exit(2) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            say(f"error: {place}{error.strerror or error}")
            raise typer.Exit(2) from error
        except KeyboardInterrupt as error:
            goes_on = ctx.invoked_subcommand in GO_ON
            say("stopped; what is finished is kept: run the same command again to go on" if goes_on
                else "stopped")  # fmt: skip
            raise typer.Exit(130) from error


app = typer.Typer(
    name="leadlens",
    cls=Commands,
    help="Train, evaluate and explain multi-label 12-lead ECG classifiers. "
    "Research software, not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if version:
        print(f"leadlens {leadlens.__version__}")
        raise typer.Exit


app.command()(study.demo)
app.command()(fetching.fetch)
app.command()(data.ingest)
app.command()(data.simulate)
app.command()(folds.folds)
app.command()(auditing.audit)
app.add_typer(study.app, name="study")
app.command()(models.train)
app.command()(models.evaluate)
app.command()(models.explain)
app.command("map")(mapping.map_command)
app.command()(models.predict)
app.command()(study.report)
