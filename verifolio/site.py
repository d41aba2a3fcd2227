"""What the engine needs to know of the site: read from mkdocs.yml, so that it is said only once."""

from __future__ import annotations

import datetime
import os
import zoneinfo
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from verifolio.errors import AuthorError
from verifolio.portfolio import LANGS


@dataclass(frozen=True)
class Site:
    """Name by language, address, repository and author; `live` are local demos (serve only)."""

    name: dict[str, str]
    url: str
    repository: str
    author: dict[str, str]
    live: dict[str, str]
    time_zone: datetime.tzinfo = datetime.UTC
    description: dict[str, str] = field(default_factory=dict)

    def today(self) -> datetime.date:
        """The day where the site is at home; SOURCE_DATE_EPOCH says another moment than now."""
        moment = os.environ.get("SOURCE_DATE_EPOCH", "")
        if moment.isdigit():
            return datetime.datetime.fromtimestamp(int(moment), self.time_zone).date()
        return datetime.datetime.now(self.time_zone).date()

    def source_url(self, path: str, first: int = 0, last: int = 0) -> str:
        """Where a file of the repository can be read, or "" when no repository is named."""
        if not self.repository:
            return ""
        lines = f"#L{first}-L{last}" if first else ""
        return f"{self.repository.rstrip('/')}/blob/main/{path}{lines}"


def read_site(root: Path, live: dict[str, str] | None = None) -> Site:
    """The site as mkdocs.yml and mkdocs.en.yml declare it."""
    zh = _read(root / "mkdocs.yml")
    en = _read(root / "mkdocs.en.yml") if (root / "mkdocs.en.yml").exists() else zh
    extra = zh.get("extra") or {}
    author = extra.get("author", "")
    authors = author if isinstance(author, dict) else dict.fromkeys(LANGS, str(author))
    name = str(zh.get("site_name", "Verifolio"))
    return Site(
        name={"zh": name, "en": str(en.get("site_name", name))},
        url=str(zh.get("site_url", "") or ""),
        repository=str(extra.get("source_url", "") or ""),
        author=authors,
        live=live or {},
        description={
            "zh": str(zh.get("site_description", "") or ""),
            "en": str(en.get("site_description", zh.get("site_description", "")) or ""),
        },
        time_zone=_time_zone(str(extra.get("time_zone", "") or "UTC")),
    )


def _time_zone(name: str) -> datetime.tzinfo:
    if name == "UTC":
        return datetime.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise AuthorError(
            f"extra.time_zone: no time zone ‘{name}’",
            path="mkdocs.yml",
            hint="a name such as Asia/Shanghai or Europe/Berlin; on Windows: pip install tzdata",
        ) from None


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """mkdocs.yml holds tags of MkDocs' own: !ENV is resolved, Python names are passed over."""


def _env(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        *names, default = loader.construct_sequence(node)
        return next((os.environ[name] for name in names if name in os.environ), default)
    return os.environ.get(str(node.value))


_Loader.add_constructor("!ENV", _env)
_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: None)
_Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise AuthorError("file not found", path=path.name) from None
    except yaml.YAMLError as error:
        line = mark.line + 1 if (mark := getattr(error, "problem_mark", None)) else 0
        raise AuthorError(
            f"broken YAML: {getattr(error, 'problem', error)}", path=path.name, line=line
        ) from None
    return found if isinstance(found, dict) else {}
