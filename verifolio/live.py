"""The live rung: where a demo's Gradio app may be running, and how its state is asked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verifolio.publish.declare import read_settings

if TYPE_CHECKING:
    from verifolio.demos import Demo

# Who answers for the state of a Space without a token: the hub, then its mirror for readers who cannot reach it.
PATIENCE = {
    "answer": 8000,
    "waking": 120000,
    "every": 3000,
}  # ms: one answer, a sleeping Space, between two questions
STATES = ("https://huggingface.co/api/spaces/{}", "https://hf-mirror.com/api/spaces/{}")


def live_places(root: Path, slug: str, demo: Demo, local: str) -> list[dict[str, Any]]:
    """The app on this machine (serve), else the published ones, in the order in which to try them."""
    if local:
        return [{"name": "localhost", "url": local, "states": []}]
    settings, found = read_settings(root), []
    publish = demo.publish
    for target in publish.huggingface if publish and settings.huggingface else []:
        if target.sdk == "gradio":
            name = f"{settings.huggingface}/{target.name or slug.replace('_', '-')}"
            host = re.sub(r"[^a-z0-9]+", "-", name.lower())
            states = [url.format(name) for url in STATES]
            found.append(
                {"name": f"Hugging Face {name}", "url": f"https://{host}.hf.space/", "states": states}
            )
    for target in publish.modelscope if publish and settings.modelscope else []:
        if target.sdk == "gradio":
            name = f"{settings.modelscope}/{target.name or slug.replace('_', '-')}"
            host = re.sub(r"[^a-z0-9]+", "-", name.lower())
            found.append({"name": f"ModelScope {name}", "url": f"https://{host}.ms.show/", "states": []})
    return found
