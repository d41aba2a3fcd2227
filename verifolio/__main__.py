"""`python -m verifolio` is `verifolio`."""

from verifolio.cli import main

if __name__ == "__main__":  # workers that Dask starts import this module again
    main()
