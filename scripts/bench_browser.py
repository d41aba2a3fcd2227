"""How fast the browser rungs are in Chromium on this machine: python -m scripts.bench_browser [classifier|quantized].

Alone on the machine, please: a second busy process halves a thread and stops two of them that wait for each other.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts.rung_site import make_rung_site, serve_folder

ROOT = Path(__file__).parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
FILES = """const { Files } = await import(new URL("../../../assets/js/demo-files.js", document.baseURI))
  const { browser, words } = JSON.parse(document.querySelector("vf-demo script[type='application/json']").textContent)
  const files = new Files({ ...browser.first, ...browser.later }, words, new AbortController().signal, () => {})
  const started = performance.now()"""
CLASSIFIER = f"""async tokens => {{
  {FILES}
  const {{ Classifier }} = await import(new URL(browser.module, document.baseURI))
  const classifier = await Classifier.load(files)
  const loaded = performance.now() - started
  const text = "film ".repeat(tokens - 2)
  const times = []
  for (let round = 0; round < 12; round++) {{
    const from = performance.now()
    const {{ tokens: read }} = await classifier.logits(text)
    if (read !== tokens) throw new Error(`${{read}} tokens, not ${{tokens}}`)
    times.push(performance.now() - from)
  }}
  return {{ loaded, times: times.slice(2) }}
}}"""
QUANTIZED = f"""async threads => {{
  {FILES}
  const {{ Llama }} = await import(new URL("./llama.js", new URL(browser.module, document.baseURI)))
  const llama = await Llama.load(files, threads)
  await llama.warm()
  const loaded = performance.now() - started
  const answer = await llama.answer([{{ role: "user", content: "Why is the sky blue?" }}], {{ most: 48 }})
  await llama.close()
  return {{ loaded, ...answer }}
}}"""


def main() -> None:
    """Print one line a measurement."""
    import shutil

    from playwright.sync_api import sync_playwright

    wanted = sys.argv[1:] or ["classifier", "quantized"]
    chromium = next(found for name in BROWSERS if (found := shutil.which(name)))
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        if "classifier" in wanted:
            for tokens in (32, 64, 128, 256):
                found = _visit(browser, Path(folder), "classifier", CLASSIFIER, tokens)
                middle = statistics.median(found["times"])
                print(
                    f"classifier, {tokens} tokens, 1 thread: {middle:.0f} ms (loaded in {found['loaded'] / 1000:.1f} s)"
                )
        if "quantized" in wanted:
            for threads in (1, 2):
                found = _visit(browser, Path(folder), "quantized", QUANTIZED, threads)
                print(
                    f"small LLaMA Q8_0, {threads} thread(s): {found['speed']:.1f} tokens/s, first token after {found['first']:.1f} s "
                    f"({found['prompt']} tokens of prompt; loaded in {found['loaded'] / 1000:.1f} s)"
                )
        browser.close()


def _visit(browser: Any, folder: Path, slug: str, code: str, argument: int) -> Any:
    page_path = make_rung_site(ROOT, slug, folder / slug, "")
    with serve_folder(folder / slug, ISOLATED) as url:
        page = browser.new_page()
        page.goto(url + page_path)
        found = page.evaluate(code, argument)
        page.close()
    return found


if __name__ == "__main__":
    main()
