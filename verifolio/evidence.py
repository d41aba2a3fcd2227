"""All results of a portfolio with their states: what binding looks things up in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from verifolio.errors import AuthorError, Fault, did_you_mean
from verifolio.expressions import Quantity, Ref, evaluate
from verifolio.freshness import Freshness, State, check_freshness
from verifolio.portfolio import Portfolio, read_portfolio
from verifolio.results import Result


@dataclass
class Evidence:
    """Looks results up for one page and remembers what the page rests on."""

    portfolio: Portfolio
    states: dict[str, Freshness]
    used: list[Ref] = field(default_factory=list)
    found: dict[Any, Any] = field(default_factory=dict)  # what was found out once for all pages

    def for_page(self) -> Evidence:
        return Evidence(self.portfolio, self.states, found=self.found)

    def result(self, name: str) -> Result:
        """The result of an experiment, or an AuthorError that says why there is none."""
        if name not in self.states:
            project, _, experiment = name.partition(".")
            known = [key.partition(".")[2] for key in self.states if key.startswith(f"{project}.")]
            if not known:
                projects = sorted(self.portfolio.projects)
                raise AuthorError(f"no project ‘{project}’", hint=did_you_mean(project, projects))
            raise AuthorError(
                f"no experiment ‘{experiment}’ in {project}", hint=did_you_mean(experiment, known)
            )
        one = self.states[name]
        if one.result is None:
            why = one.reasons[0]
            where = f"{why.path}:{why.line}" if why.line else why.path
            raise AuthorError(f"the result of {name} is {one.state}: {why.message} ({where})", hint=why.hint)
        return one.result

    def evaluate(self, text: str) -> Quantity:
        key = ("value", text)  # both languages ask the same
        if key not in self.found:
            self.found[key] = evaluate(text, self.result)
        quantity: Quantity = self.found[key]
        self.used += quantity.refs
        return quantity

    def state(self, name: str) -> State:
        return self.states[name].state

    def doubts(self, name: str) -> list[Fault]:
        """Why the result must not be shown as true: empty when it is fresh."""
        return self.states[name].reasons if self.states[name].state != "fresh" else []


def gather_evidence(root: Path) -> Evidence:
    """Read all declarations and results below `root`."""
    portfolio = read_portfolio(root)
    return Evidence(portfolio, check_freshness(portfolio))
