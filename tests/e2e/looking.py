"""Visits to all pages in Chromium: what each asked for, said, and looked like on a phone and on a desk."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reading import BuiltSite, SitePage

# What a page with a browser rung needs at most: its own files, WebAssembly, and workers made of blobs.
STRICT = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "connect-src 'self' blob:; img-src 'self' data:; font-src 'self'; style-src 'self' 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'"
)
TABS = 6
DEVICES: dict[str, dict[str, Any]] = {
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
    "desk": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
}

# What is far below the fold is not laid out before a reader comes near; here all of it is looked at. A page that
# is turned has its new colours at once.
AS_IF_NEAR = "*, ::before, ::after { content-visibility: visible !important; transition: none !important }"
SETTLED = """async () => {
  const frame = () => new Promise(requestAnimationFrame)
  await frame()
  await document.fonts.ready  // what comes near may ask for a font
  await frame()
  await frame()
}"""

# What axe looks for. Contrast is measured below on every page, stricter than axe does; axe takes longer
# for colours (of texts, and of links among texts) and style sheets than for everything else together, so
# it does that on one page of each kind only.
COLOURS = ("color-contrast", "link-in-text-block")
AXE = {"resultTypes": ["violations"]}
AXE_COLOURS = {**AXE, "runOnly": list(COLOURS)}
AXE_WITHOUT_COLOURS = {**AXE, "rules": {name: {"enabled": False} for name in COLOURS}, "preload": False}

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
  const opacities = new Map([[null, 1]])
  const opacity = node => {
    if (!opacities.has(node)) opacities.set(node, Number(getComputedStyle(node).opacity) * opacity(node.parentElement))
    return opacities.get(node)
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
    const colour = rgba(node instanceof SVGElement ? style.fill : style.color)
    const below = background(node instanceof SVGElement ? node.closest("svg").parentElement : node)
    const seen = over([colour[0], colour[1], colour[2], colour[3] * opacity(node)], below)
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
    texts: texts.length,
    least: Math.min(...texts.map(one => one.ratio)),
    faint: texts.filter(one => one.ratio < 7),
    nameless: operated.filter(node => node.checkVisibility() && !named(node)).map(where),
    missing: [...document.images].filter(image => image.complete && !image.naturalWidth).map(i => i.src),
  }
}"""


@dataclass(frozen=True)
class Look:
    """A page as it stood on one device."""

    width: int
    window: int
    beyond: list[str]
    texts: int
    least: float  # contrast of any text
    faint: list[dict[str, Any]]  # whose contrast is below 7
    nameless: list[str]
    missing: list[str]


@dataclass(frozen=True)
class Visit:
    """One page, loaded on one device and then turned into the other."""

    url: str
    first: list[str]  # requests before it was turned
    requests: list[str]
    said: list[str]  # errors and warnings in the console, uncaught exceptions
    failed: list[str]  # what did not load
    cookies: list[str]
    looks: dict[str, Look]  # by device
    axe: list[str] | None  # rules that are broken, and where; on the device on which it was loaded


def read_visit(noted: dict[str, Any]) -> Visit:
    """A visit from what `visit_pages` noted."""
    return Visit(**{**noted, "looks": {device: Look(**look) for device, look in noted["looks"].items()}})


@functools.cache
def _axe() -> str:
    from axe_playwright_python.sync_playwright import Axe

    script: str = Axe().axe_script
    return script


def faults_by_axe(page: Any, options: dict[str, Any]) -> list[str]:
    """What axe-core finds wrong on an open page: rule, element, reason."""
    page.evaluate("() => { window.axe || window.loadAxe?.() }")  # nothing to send back
    if not page.evaluate("() => !!window.axe"):
        page.evaluate(_axe())
    found = page.evaluate("async options => (await axe.run(options)).violations", options)
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


def looked_at_closely(site: BuiltSite) -> list[SitePage]:
    """The pages that axe and both devices see: of two that say the same, one in the one language, the next in the other."""
    known = {page.url: page for page in site.pages}
    chosen = [page for page in site.pages if page.lang == "zh" and f"en/{page.url}" not in known]
    for number, page in enumerate(page for page in site.pages if page.lang == "en"):
        other = known.get(page.url.removeprefix("en/"))
        chosen.append(other if other and number % 2 else page)
    return chosen


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


def visit_pages(browser: Any, address: str, urls: dict[str, bool]) -> list[dict[str, Any]]:
    """Open every page at `address` on one device and look at it; if told so, also by axe and on the other device.

    While some are looked at, the next ones load. The tabs are used again and again: a tab of its own would
    cost each page as much as all that is looked at. A tab stays what it was turned into, so that pages are
    loaded on both devices in turns.
    """
    context = browser.new_context()
    # Half a megabyte: waits in each page instead of being sent for every look.
    context.add_init_script(f"window.loadAxe = () => {{{_axe()}\n}}")
    seen, loading = [], []
    tabs = [_Tab(context.new_page(), device) for device in DEVICES for _ in range(TABS)]
    for at in range(0, len(urls) + TABS, TABS):
        loaded, loading = loading, []
        for tab, url in zip(tabs, list(urls)[at : at + TABS], strict=False):
            loading.append((tab, url, *_listen(tab.page)))
            tab.page.goto(address + url, wait_until="commit")
        for tab, url, notes, hush in loaded:
            tab.page.wait_for_load_state("networkidle")
            first, asked = tab.device, notes["requests"]
            looks = {first: _look(tab.page)}
            wrong, weighed = None, list(asked)
            if urls[url]:
                wrong = faults_by_axe(tab.page, AXE_WITHOUT_COLOURS)
                tab.turn()
                looks[tab.device] = _look(tab.page)
            cookies = [cookie["name"] for cookie in context.cookies()]
            seen.append(
                {"url": url, "first": weighed, "looks": looks, "axe": wrong, "cookies": cookies, **notes}
            )
            hush()
        tabs = tabs[TABS:] + tabs[:TABS]
    context.close()
    return seen


def _look(page: Any) -> dict[str, Any]:
    come_near(page)
    look: dict[str, Any] = page.evaluate(MEASURE)
    return look


class _Tab:
    """A tab that is a phone or a desk."""

    def __init__(self, page: Any, device: str) -> None:
        self.page = page
        self._become(device)

    def turn(self) -> None:
        self._become(next(device for device in DEVICES if device != self.device))

    def _become(self, device: str) -> None:
        self.device = device
        self.page.set_viewport_size(DEVICES[device]["viewport"])
        self.page.emulate_media(color_scheme=DEVICES[device]["color_scheme"])


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
