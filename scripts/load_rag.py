"""Puts the bot's HTTP interface under load and prints what it measured: `python scripts/load_rag.py --minutes 5`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from projects.rag.load import measure_load


def main() -> None:
    """Serve on a free port, ask with so many users for so long, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=5.0)
    options = parser.parse_args()
    measured = measure_load(
        users=options.users,
        seconds=60 * options.minutes,
        data=None,
        say=lambda text: print(text, file=sys.stderr),
    )
    json.dump(measured.as_json(), sys.stdout, indent=1)
    print()
    sys.exit(1 if measured.errors else 0)


if __name__ == "__main__":
    main()
