"""The experiment `platforms`: reads the dated survey, refuses what has no source, and makes it a table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

if TYPE_CHECKING:
    from verifolio.record import Run

SURVEY = "projects/foundations/platforms.yml"
CHECKED = {
    "official": {"zh": "官方页面", "en": "the provider's page"},
    "secondary": {"zh": "第三方页面", "en": "somebody else's page"},
    "unchecked": {"zh": "未核实", "en": "not checked"},
}
WORDS = ("name", "kind", "compatible", "china", "note")


class SurveyError(ValueError):
    """The survey says something that it may not; the message names the entry."""


def read_survey(path: Path) -> tuple[date, dict[str, dict[str, Any]]]:
    """The date of reading and the entries, each with all words in both languages and a source that fits."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or not isinstance(found.get("read_on"), date):
        raise SurveyError(f"{path}: expected read_on: with a date such as 2026-11-25")
    entries: dict[str, dict[str, Any]] = found.get("platforms") or {}
    if not entries:
        raise SurveyError(f"{path}: expected at least one entry under platforms:")
    for name, entry in entries.items():
        _check_entry(f"{path}: {name}", entry)
    return found["read_on"], entries


def _check_entry(at: str, entry: Mapping[str, Any]) -> None:
    for key in WORDS:
        words = entry.get(key)
        if (
            not isinstance(words, dict)
            or set(words) != {"zh", "en"}
            or not all(isinstance(w, str) for w in words.values())
        ):
            raise SurveyError(f"{at}: {key}: expected words in zh and en, found {words!r}")
    if entry.get("checked") not in CHECKED:
        raise SurveyError(
            f"{at}: checked: expected one of {', '.join(CHECKED)}, found {entry.get('checked')!r}"
        )
    source = urlsplit(entry.get("source") or "")
    if entry["checked"] != "unchecked" and (source.scheme != "https" or not source.hostname):
        raise SurveyError(
            f"{at}: source: what is checked names the https address where it stands, found {entry.get('source')!r}"
        )
    if not isinstance(entry.get("base_url"), str):
        raise SurveyError(f'{at}: base_url: expected an address, or "" where there is none')


def run_platforms(run: Run) -> None:
    """The survey as a table, and how much of it rests on whose page."""
    read_on, entries = read_survey(run.root / SURVEY)
    run.metric("platforms", len(entries), unit="count", label={"zh": "平台", "en": "platforms"})
    for key, label in CHECKED.items():
        run.metric(key, sum(e["checked"] == key for e in entries.values()), unit="count",
                   label={"zh": f"依据：{label['zh']}", "en": f"rests on: {label['en']}"})  # fmt: skip
    run.metric("compatible", sum(e["compatible"]["en"].startswith("yes") for e in entries.values()), unit="count",
               label={"zh": "说自己兼容 OpenAI 格式的", "en": "said to take OpenAI's format"})  # fmt: skip
    run.table("survey", columns=[
        {"key": "name", "label": {"zh": "平台", "en": "platform"}},
        {"key": "kind", "label": {"zh": "是什么", "en": "what it is"}},
        {"key": "base_url", "label": {"zh": "接口地址", "en": "address"}},
        {"key": "compatible", "label": {"zh": "OpenAI 格式", "en": "OpenAI's format"}},
        {"key": "china", "label": {"zh": "从中国大陆", "en": "from mainland China"}},
    ], rows=[{key: e[key] or "—" for key in ("name", "kind", "base_url", "compatible", "china")} for e in entries.values()])  # fmt: skip
    day = read_on.isoformat()
    run.table("sources", columns=[
        {"key": "name", "label": {"zh": "平台", "en": "platform"}},
        {"key": "checked", "label": {"zh": "依据", "en": "rests on"}},
        {"key": "source", "label": {"zh": "来源", "en": "source"}},
        {"key": "read", "label": {"zh": "阅读日期", "en": "read on"}},
        {"key": "note", "label": {"zh": "备注", "en": "note"}},
    ], rows=[{"name": e["name"], "checked": CHECKED[e["checked"]], "source": e["source"] or "—", "read": day, "note": e["note"]}
             for e in entries.values()])  # fmt: skip
