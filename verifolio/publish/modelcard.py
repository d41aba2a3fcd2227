"""A model repository's content: the committed products of an experiment and a card bound to its result.

Every number on the card is read from the result, with its interval and the receipt; none is typed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from verifolio.demos import Demo
from verifolio.errors import AuthorError, did_you_mean
from verifolio.portfolio import Experiment, Portfolio
from verifolio.publish.bundle import publish_of, weight_files
from verifolio.publish.card import write_card
from verifolio.publish.declare import ModelRepo, Settings
from verifolio.publish.folder import Content, replace_folder
from verifolio.results import Metric, Result, read_result
from verifolio.units import format_value


def build_model(portfolio: Portfolio, slug: str, demo: Demo, settings: Settings) -> Path:
    """Write build/demos/<slug>/model-repo/ and return it."""
    folder = portfolio.root / "build" / "demos" / slug / "model-repo"
    replace_folder(folder, model_files(portfolio, slug, demo, settings))
    return folder


def model_files(portfolio: Portfolio, slug: str, demo: Demo, settings: Settings) -> dict[str, Content]:
    """Path in the repository → its bytes or file: the products flat, derived weights below model/."""
    publish = publish_of(demo, slug)
    assert publish.model_repo is not None
    experiment = portfolio.experiment(publish.model_repo.experiment)
    result = read_result(experiment.result_path(), shown=portfolio.shown(experiment.result_path()))
    files: dict[str, Content] = {}
    for name in experiment.entry.products:
        short = name.removeprefix(f"{experiment.key}/")
        files[short] = experiment.results_dir() / name
    files |= {f"model/{name}": path for name, path in weight_files(portfolio, slug, publish).items()}
    files["README.md"] = model_card(publish.model_repo, demo, experiment, result, settings).encode()
    return files


def model_card(
    repo: ModelRepo, demo: Demo, experiment: Experiment, result: Result, settings: Settings
) -> str:
    """README.md with model-index: the hub shows the same numbers as the portfolio."""
    chosen = _chosen(repo, result, experiment)
    owner = settings.huggingface or "OWNER"
    head: dict[str, Any] = {
        "license": repo.license,
        "library_name": repo.library,
        "base_model": repo.base_model,
        "tags": ["verifolio", *(["lora"] if repo.library == "peft" else [])],
    }
    if repo.task:
        head["pipeline_tag"] = repo.task
        head["model-index"] = [
            {
                "name": repo.name,
                "results": [
                    {
                        "task": {"type": repo.task},
                        "dataset": {"type": repo.dataset or "unknown", "name": _dataset(result)},
                        "metrics": [_index(key, metric) for key, metric in chosen.items()],
                        "source": {"name": "Verifolio receipt", "url": _receipt(settings, experiment)},
                    }
                ],
            }
        ]
        if not settings.site:
            del head["model-index"][0]["results"][0]["source"]
    rows = "".join(
        f"| {metric.label['en']} | {format_value(metric.value, metric.unit, 'en')} | {_interval(metric)} "
        f"| {metric.n if metric.n is not None else ''} |\n"
        for metric in chosen.values()
    )
    receipt, link = result.receipt, _receipt(settings, experiment)
    inputs = "".join(
        f"- {one.title}: {one.source}, {one.license}{f' ({one.url})' if one.url else ''}\n"
        for one in receipt.inputs
    )
    body = (
        f"# {demo.title['en']} · {result.title['en']}\n\n{demo.summary['en']}\n\n"
        f"Good at: {demo.good_at.get('en', '')}. Bad at: {demo.bad_at.get('en', '')}.\n\n"
        f"## Results\n\n| | value | interval | n |\n|---|---|---|---|\n{rows}\n"
        f"{f'Every number with its receipt: {link}' if settings.site else 'Every number has its receipt in the portfolio.'}\n\n"
        f"## Receipt\n\n- command: `{receipt.command}`\n- commit: `{receipt.commit}`{' (dirty)' if receipt.dirty else ''}\n"
        f"- seed: {receipt.seed}; profile: {receipt.profile}\n- result digest: `{result.digest}`\n"
        f"- made: {receipt.started}\n\n## Data and models\n\n{inputs}\n"
        f"## Use\n\nRepository `{owner}/{repo.name}`: the {repo.library} adapter lies at the top"
        f"{', the merged and quantised export in `model/`' if demo.publish and demo.publish.weights else ''}.\n"
    )
    return write_card(head, body)


def _chosen(repo: ModelRepo, result: Result, experiment: Experiment) -> dict[str, Metric]:
    for key in repo.metrics:
        if key not in result.metrics:
            raise AuthorError(
                f"model_repo: {experiment.name} has no metric ‘{key}’",
                hint=did_you_mean(key, list(result.metrics)),
            )
    return {key: result.metrics[key] for key in (repo.metrics or result.metrics)}


def _index(key: str, metric: Metric) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": key,
        "name": metric.label["en"],
        "value": metric.value,
        "verified": False,
    }
    if metric.ci:
        found["args"] = {"ci": list(metric.ci), "ci_method": metric.ci_method, "n": metric.n}
    return found


def _interval(metric: Metric) -> str:
    if not metric.ci:
        return ""
    low, high = (format_value(one, metric.unit, "en") for one in metric.ci)
    return f"{low} to {high} ({metric.ci_method})"


def _dataset(result: Result) -> str:
    return result.receipt.inputs[0].title if result.receipt.inputs else "unknown"


def _receipt(settings: Settings, experiment: Experiment) -> str:
    return f"{settings.site.rstrip('/')}/en/receipts/{experiment.project}/{experiment.key}/"
