"""The Space card: front matter of a demo's README.md, checked, and set for one target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from verifolio.errors import AuthorError, Fault
from verifolio.files import parse_yaml

COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
REQUIRED = ("title", "emoji", "colorFrom", "colorTo", "sdk", "app_file", "license")
ISOLATION = {  # what SharedArrayBuffer, and so threads in WASM, need
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "cross-origin",
}


def read_card(path: Path, shown: str) -> tuple[dict[str, Any], str]:
    """(front matter, text) of a README.md."""
    if not path.exists():
        raise AuthorError("file not found", path=shown, hint="a Space's card stands in its README.md")
    text = path.read_text(encoding="utf-8")
    if not text.startswith("---\n") or "\n---\n" not in text[4:]:
        raise AuthorError("no front matter", path=shown, hint="begin with ---, the card's keys, ---")
    head, _, body = text[4:].partition("\n---\n")
    found = parse_yaml(head, path=shown, first_line=2)
    if not isinstance(found, dict):
        raise AuthorError("front matter is not a list of keys", path=shown, line=2)
    return found, body.lstrip("\n")


def check_card(card: dict[str, Any], shown: str, *, app: str, pins: dict[str, str]) -> None:
    """Raise for all that the hub would refuse or that contradicts the bundle."""
    wrong: list[tuple[str, str]] = [
        (f"{key} is missing", f"add {key}:") for key in REQUIRED if not card.get(key)
    ]
    for key in ("colorFrom", "colorTo"):
        if card.get(key) and card[key] not in COLOURS:
            wrong.append((f"{key}: ‘{card[key]}’ is no colour of a Space", f"one of {', '.join(COLOURS)}"))
    if card.get("sdk") and card["sdk"] != "gradio":
        wrong.append((f"sdk: ‘{card['sdk']}’", "write gradio; the static variant is made from it"))
    if card.get("app_file") and card["app_file"] != app:
        wrong.append((f"app_file: ‘{card['app_file']}’ is not the demo's app", f"write {app}"))
    pinned = pins.get("gradio")
    if not pinned:
        wrong.append(("requirements.txt does not pin gradio", "the Space's SDK is gradio: pin it"))
    elif str(card.get("sdk_version")) != pinned:
        wrong.append(
            (f"sdk_version: {card.get('sdk_version')} is not the pinned gradio", f'write "{pinned}"')
        )
    python = str(card.get("python_version", ""))
    if not python:
        hint = 'write python_version: "3.11": hosts default to a Python too old for the pinned packages'
        wrong.append(("python_version is missing", hint))
    if len(str(card.get("short_description", ""))) > 60:
        wrong.append(("short_description is longer than 60 characters", "the hub refuses it: shorten it"))
    if wrong:
        raise AuthorError(faults=[Fault(shown, 2, message, hint) for message, hint in wrong])


def write_card(card: dict[str, Any], body: str) -> str:
    """A README.md from front matter and text."""
    head = yaml.safe_dump(card, allow_unicode=True, sort_keys=False, width=1000)
    return f"---\n{head}---\n\n{body}"


def static_card(card: dict[str, Any]) -> dict[str, Any]:
    """The card of the static variant: no SDK to install, and headers that allow threads."""
    drop = ("sdk_version", "python_version", "suggested_hardware", "preload_from_hub")
    kept = {key: value for key, value in card.items() if key not in drop}
    return kept | {"sdk": "static", "app_file": "index.html", "custom_headers": dict(ISOLATION)}
