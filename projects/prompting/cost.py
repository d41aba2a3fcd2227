"""What asking costs: estimated before it is spent, never above a cap.

The estimate errs on the dear side: more tokens than a text can have in practice, and replies of full length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import yaml

from projects.prompting.cache import Messages

PRICES = Path(__file__).with_name("prices.yml")
PER_MESSAGE = 8  # tokens of a chat template around one message, generously
ASCII_PER_TOKEN = 3.0  # English has about 4.2 characters a token
OTHER_PER_TOKEN = 0.5  # a Chinese character is at most about 2 tokens


class CostLimit(Exception):
    """The next request could go over the cap, or has no known price; nothing was sent."""


@dataclass(frozen=True)
class Price:
    """US dollars for one million tokens in and out."""

    input: float
    output: float

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Dollars for so many tokens."""
        return (self.input * prompt_tokens + self.output * completion_tokens) / 1e6

    def at_most(self, messages: Messages, max_tokens: int) -> float:
        """Dollars that a request can cost at most."""
        return self.of(count_at_most(messages), max_tokens)


def price_of(model: str, path: Path = PRICES) -> Price:
    """The list price of a model; raises `CostLimit` for one that the table does not know."""
    models = yaml.safe_load(path.read_text("utf-8"))["models"]
    if model not in models:
        raise CostLimit(
            f"{path.name} has no price for ‘{model}’ (it knows {', '.join(sorted(models))}): "
            "add it there, or give --price IN/OUT in dollars for a million tokens (0/0 for a server of your own)"
        )
    return Price(**models[model])


def read_price(text: str) -> Price:
    """`2.5/10` → a price; raises `CostLimit` if it is none."""
    parts = text.split("/")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != 2 or min(numbers) < 0 or not all(map(math.isfinite, numbers)):
        raise CostLimit(f"--price: expected IN/OUT such as 2.5/10, found {text!r}")
    return Price(*numbers)


def count_at_most(messages: Messages) -> int:
    """An upper estimate of the tokens of a prompt."""
    total = 0.0
    for message in messages:
        plain = sum(character.isascii() for character in message["content"])
        total += PER_MESSAGE + plain / ASCII_PER_TOKEN + (len(message["content"]) - plain) / OTHER_PER_TOKEN
    return math.ceil(total)


class Budget:
    """Dollars that may be spent, and those that were."""

    def __init__(self, price: Price, limit: float) -> None:
        if not limit >= 0 or not math.isfinite(limit):
            raise CostLimit(f"--max-cost: expected a number of dollars, 0 or more, found {limit}")
        self.price, self.limit, self.spent = price, limit, 0.0

    def check(self, messages: Messages, max_tokens: int) -> None:
        """Refuse a request that could go over the cap, before it is sent."""
        most = self.price.at_most(messages, max_tokens)
        if self.spent + most > self.limit + 1e-12:
            raise CostLimit(
                f"stopped before spending: ${self.spent:.4f} spent, the next request may cost ${most:.4f}, "
                f"the cap is ${self.limit:.2f}. Replies so far are kept; raise --max-cost to go on"
            )

    def charge(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Count what a reply did cost, by the tokens that the server reports."""
        self.spent += self.price.of(prompt_tokens, completion_tokens)
