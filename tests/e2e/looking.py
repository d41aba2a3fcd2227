"""Visits to all pages in Chromium: what each asked for, said, and looked like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# What a page with a browser rung needs at most: its own files, WebAssembly, and workers made of blobs.
STRICT = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "connect-src 'self' blob:; img-src 'self' data:; font-src 'self'; style-src 'self' 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'"
)
TABS = 6

# What is far below the fold is not laid out before a reader comes near; here all of it is looked at.
AS_IF_NEAR = "* { content-visibility: visible !important }"
SETTLED = """async () => {
  const frame = () => new Promise(requestAnimationFrame)
  await frame()
  await document.fonts.ready  // what comes near may ask for a font
  await frame()
  await frame()
}"""

# What axe looks for. Contrast is measured below on every page, stricter than axe does; axe takes as
# long for it as for everything else together, so it does that on one page of each kind only.
AXE = {"resultTypes": ["violations"]}
AXE_WITHOUT_CONTRAST = {**AXE, "rules": {"color-contrast": {"enabled": False}}}

# The contrast that WCAG asks for, from the colours that are really there: text over all the
# translucent backgrounds below it. SVG text has a fill instead of a colour.
MEASURE = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
  const known = new Map()
  const rgba = text => {
    if (!known.has(text)) {
      canvas.clearRect(0, 0, 1, 1)
      canvas.fillStyle = text
      canvas.fillRect(0, 0, 1, 1)
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data
      known.set(text, [r, g, b, a / 255])
    }
    return known.get(text)
  }
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1)
  const backgrounds = new Map()
  const background = node => {
    if (!node) return [255, 255, 255, 1]
    if (!backgrounds.has(node)) {
      const own = rgba(getComputedStyle(node).backgroundColor)
      backgrounds.set(node, own[3] === 1 ? own : over(own, background(node.parentElement)))
    }
    return backgrounds.get(node)
  }
  const light = colour => {
    const [r, g, b] = colour.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const contrast = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y)
    return (high + 0.05) / (low + 0.05)
  }
  const where = node => {
    const path = []
    for (let at = node; at && path.length < 3 && at !== document.body; at = at.parentElement)
      path.unshift(at.tagName.toLowerCase() + [...at.classList].map(c => "." + c).join(""))
    return path.join(" > ")
  }
  const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const done = new Set()
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement
    if (!walker.currentNode.data.trim() || done.has(node) || !node.checkVisibility({
      opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true })) continue
    done.add(node)
    const style = getComputedStyle(node)
    const box = node.getBoundingClientRect()
    if (box.width <= 1 || box.height <= 1) continue
    let opacity = 1
    for (let at = node; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity)
    const colour = rgba(node instanceof SVGElement ? style.fill : style.color)
    const below = background(node instanceof SVGElement ? node.closest("svg").parentElement : node)
    const seen = over([colour[0], colour[1], colour[2], colour[3] * opacity], below)
    texts.push({ where: where(node), text: walker.currentNode.data.trim().slice(0, 40),
                 ratio: Math.round(contrast(seen, below) * 100) / 100 })
  }
  const named = node => (node.textContent || "").trim() || node.getAttribute("aria-label") || node.title
    || node.querySelector("img[alt]")?.alt || [...(node.labels || [])].map(l => l.textContent.trim()).join("")
    || node.placeholder
  const operated = [...document.querySelectorAll("a[href], button, summary, input, select, textarea, [role=button]")]
  return {
    width: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
    beyond: [...document.querySelectorAll("main *, header *, footer *")].filter(node => {
      const box = node.getBoundingClientRect()
      if (box.width < 1 || box.height < 1 || box.right <= innerWidth + 1 || !node.checkVisibility()) return false
      for (let at = node; at && at !== document.body; at = at.parentElement)
        if (getComputedStyle(at).overflowX !== "visible" || getComputedStyle(at).position === "fixed") return false
      return true
    }).map(where),
    texts,
    nameless: operated.filter(node => node.checkVisibility() && !named(node)).map(where),
    missing: [...document.images].filter(image => image.complete && !image.naturalWidth).map(i => i.src),
  }
}"""


@dataclass(frozen=True)
class Visit:
    """One page as one device saw it."""

    url: str
    requests: list[str]
    said: list[str]  # errors and warnings in the console, uncaught exceptions
    failed: list[str]  # what did not load
    cookies: list[str]
    width: int
    window: int
    beyond: list[str]
    texts: list[dict[str, Any]]
    nameless: list[str]
    missing: list[str]
    axe: list[str]  # rules that are broken, and where


def faults_by_axe(page: Any, options: dict[str, Any]) -> list[str]:
    """What axe-core finds wrong on an open page: rule, element, reason."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options=options).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


def first_part_only(route: Any) -> None:
    """A host that loses a file half-way: the first range comes, every later one is gone."""
    gone = not route.request.headers["range"].startswith("bytes=0-")
    route.fulfill(status=404, body="gone") if gone else route.continue_()


def come_near(page: Any) -> None:
    """Lay out what is far below the fold, as if a reader had come there, and let scripts see it.

    In front, because a tab behind others gets a frame a second.
    """
    page.bring_to_front()
    page.add_style_tag(content=AS_IF_NEAR)
    page.evaluate(SETTLED)


def visit_pages(
    browser: Any, address: str, urls: list[str], options: dict[str, Any], *, axe: bool
) -> list[dict[str, Any]]:
    """Open every page at `address` and note what happens; some at a time, for each is mostly waiting.

    The tabs are used again and again: a tab of its own would cost each page as much as all that is looked at.
    """
    context = browser.new_context(**options)
    tabs = [context.new_page() for _ in urls[:TABS]]
    seen = []
    for at in range(0, len(urls), TABS):
        group = list(zip(tabs, urls[at : at + TABS], strict=False))
        ears = [_listen(tab) for tab, _ in group]
        for tab, url in group:
            tab.goto(address + url, wait_until="commit")
        for (tab, url), (notes, hush) in zip(group, ears, strict=True):
            seen.append({"url": url, **_look(context, tab, axe=axe), **notes})
            hush()
    context.close()
    return seen


def _listen(tab: Any) -> tuple[dict[str, list[str]], Callable[[], None]]:
    """What a tab asks for, says and lacks from now on, and the way to stop noting it."""
    notes: dict[str, list[str]] = {"requests": [], "said": [], "failed": []}

    def hear(message: Any) -> None:
        slow = (
            "preloaded using link preload but not used within" in message.text
        )  # says how busy the machine is
        if message.type in ("error", "warning") and not slow:
            notes["said"].append(f"{message.type}: {message.text}")

    def check(answer: Any) -> None:
        if answer.status >= 400:
            notes["failed"].append(f"{answer.url}: {answer.status}")

    ears: dict[str, Callable[[Any], None]] = {
        "request": lambda request: notes["requests"].append(request.url),
        "websocket": lambda socket: notes["requests"].append(socket.url),
        "requestfailed": lambda request: notes["failed"].append(f"{request.url}: {request.failure}"),
        "response": check,
        "pageerror": lambda error: notes["said"].append(f"exception: {error}"),
        "console": hear,
    }
    for event, ear in ears.items():
        tab.on(event, ear)

    def hush() -> None:
        for event, ear in ears.items():
            tab.remove_listener(event, ear)

    return notes, hush


def _look(context: Any, tab: Any, *, axe: bool) -> dict[str, Any]:
    tab.wait_for_load_state("networkidle")
    come_near(tab)
    found = tab.evaluate(MEASURE)
    cookies = [cookie["name"] for cookie in context.cookies()]
    wrong = faults_by_axe(tab, AXE_WITHOUT_CONTRAST) if axe else []
    return {"cookies": cookies, "axe": wrong, **found}
