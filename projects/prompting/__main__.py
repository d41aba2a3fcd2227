"""The same experiments on GPT-4 or any OpenAI-compatible server, with a cap on what they may cost.

  OPENAI_API_KEY=… OPENAI_MODEL=gpt-4 python -m projects.prompting fewshot --max-cost 2
  OPENAI_BASE_URL=http://localhost:11434/v1 OPENAI_MODEL=qwen3 python -m projects.prompting fewshot --price 0/0

First adds up what every request can cost at most and stops if that is above --max-cost; then asks, and stops before
the request that could go over. Replies are kept: a second run is free. Prints the numbers; published results come
only from `verifolio run`, on the embedded model.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

from projects.chat.client import configured
from projects.chat.errors import ChatError
from projects.prompting.ask import Asks, Rehearsal, cache_of, open_server, server_model
from projects.prompting.cache import CacheError
from projects.prompting.cost import Budget, CostLimit, Price, price_of, read_price
from verifolio.portfolio import PUBLISHED, Portfolio, read_portfolio
from verifolio.record import Run

MODELS_OF_THEIR_OWN = ("bert_prompt",)  # asks no chat model
ROOT = Path(__file__).resolve().parents[2]


class Trial(Run):
    """A run that writes no result."""

    def numbers(self) -> list[tuple[str, float, str]]:
        """What was measured: name in English, value, unit."""
        return [(one.label["en"], one.value, one.unit) for one in self._metrics.values()]


def trial(portfolio: Portfolio, name: str, profile: str, asker: Asks) -> Trial:
    """Measure one experiment with an asker."""
    run = Trial(portfolio, portfolio.experiment(f"prompting.{name}"), profile)
    getattr(importlib.import_module(f"projects.prompting.{name}"), f"measure_{name}")(run, asker)
    return run


def estimate(portfolio: Portfolio, name: str, profile: str, model: str, price: Price) -> Rehearsal:
    """What the experiment can cost at most; sends nothing."""
    rehearsal = Rehearsal(model, cache_of(portfolio.root), price)
    trial(portfolio, name, profile, rehearsal)
    return rehearsal


def main(arguments: list[str] | None = None) -> int:
    """Estimate, then ask; the exit code is 1 when the cap or the server stops it."""
    parser = argparse.ArgumentParser(prog="projects.prompting", description=__doc__.partition("\n")[0])
    declared = read_portfolio(ROOT).projects["prompting"].experiments
    parser.add_argument("experiment", choices=[name for name in declared if name not in MODELS_OF_THEIR_OWN])
    parser.add_argument(
        "--max-cost", type=float, default=0.0, help="US dollars that may be spent (default: none)"
    )
    parser.add_argument("--price", help="IN/OUT dollars for a million tokens, instead of prices.yml")
    parser.add_argument("--estimate", action="store_true", help="only say what it can cost at most")
    parser.add_argument("--profile", default=PUBLISHED)
    given = parser.parse_args(arguments)
    try:
        return _ask(given)
    except (CostLimit, ChatError, CacheError) as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1


def _ask(given: Any) -> int:
    endpoint = configured()
    if endpoint is None:
        print("✗ no server named: set OPENAI_API_KEY or OPENAI_BASE_URL, and OPENAI_MODEL; "
              f"the embedded model answers to `verifolio run prompting.{given.experiment}`", file=sys.stderr)  # fmt: skip
        return 1
    price = read_price(given.price) if given.price else price_of(endpoint.model)
    portfolio = read_portfolio(ROOT)
    if given.experiment == "attacks":
        print("What PromptBench's search asks cannot be known before: the estimate is for the rest.")
    plan = estimate(portfolio, given.experiment, given.profile, server_model(endpoint), price)
    print(f"{plan.asked} requests to {endpoint.model}, {plan.kept} kept: at most ${plan.cost:.4f}")
    if given.estimate:
        return 0
    budget = Budget(price, given.max_cost)
    if plan.cost > budget.limit:
        raise CostLimit(f"that is above --max-cost {budget.limit:.2f}: nothing was sent")
    asker = open_server(endpoint, cache_of(ROOT), budget)
    run = trial(portfolio, given.experiment, given.profile, asker)
    for label, value, unit in run.numbers():
        print(f"{value:12.4f} {unit:10} {label}")
    print(f"spent ${budget.spent:.4f}; {asker.asked} replies asked for, {asker.kept} kept from before")
    return 0


if __name__ == "__main__":
    sys.exit(main())
