"""`python -m leadlens` is the command `leadlens`."""

from leadlens.cli import main

main()
