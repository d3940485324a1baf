"""The command line: thin. It reads arguments, calls the library, prints."""

from leadlens.cli.main import main

__all__ = ["main"]
