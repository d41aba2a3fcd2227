"""`python -m verifolio` is `verifolio`."""

from verifolio.cli import main

main()
