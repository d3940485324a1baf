"""The entry point: commands, and what happens to errors."""

import sys

import click
import typer

import leadlens
from leadlens.cli import data, models, study
from leadlens.cli.terminal import say
from leadlens.errors import LeadlensError

app = typer.Typer(
    name="leadlens",
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
app.command()(data.ingest)
app.command()(data.simulate)
app.add_typer(study.app, name="study")
app.command()(models.train)
app.command()(models.evaluate)
app.command()(models.explain)
app.command()(models.predict)
app.command()(study.report)


def main() -> None:
    """Run the command line; errors of leadlens end with a message and exit code 2."""
    try:
        code = app(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        say("stopped; what is finished is kept: run the same command again to go on")
        code = 130
    except LeadlensError as error:
        say(f"error: {error}")
        code = 2
    sys.exit(code if isinstance(code, int) else 0)
