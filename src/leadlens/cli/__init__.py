"""The command line: thin. It reads arguments, calls the library, prints."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback, even while it is loading."""
    try:
        # Here, not above: loading takes a second, in which Ctrl-C may come.
        from leadlens.cli.commands import app

        app()
    except KeyboardInterrupt:
        print("stopped before anything was begun", file=sys.stderr)
        sys.exit(130)
