"""Measure the build: staging, our build beside plain MkDocs, and an edit in the open browser.

    python scripts/bench_build.py --posts 12 50 500

All of one run stand side by side on the same machine in the same minutes: trust the ratios, not the
seconds. `cpu` is the processor time of everything that was started, which other work on the machine
disturbs less than the clock. Above 50 posts each is built once, and plain MkDocs in one language only,
so that all three sizes together take less than ten minutes on two quiet cores. Writes build/bench/build.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.synthetic_site import write_portfolio
from verifolio.build import child_environment
from verifolio.files import write_atomic

SOME = 50  # posts; more take long
TURNS = 3
REPOSITORY = Path(__file__).resolve().parent.parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

_BUILD = """
import sys; from pathlib import Path; from verifolio.build import build_site
build_site(Path(sys.argv[1]), strict=False, staged=True, langs=sys.argv[2].split(","))
"""
_STAGE = """
import os, sys; from pathlib import Path; from verifolio.stage import stage
start = sum(os.times()[:4])  # with its second process
print(stage(Path(sys.argv[1]), strict=False).seconds, sum(os.times()[:4]) - start)
"""
_SERVE = """
import sys; from pathlib import Path; from verifolio.serve import serve
serve(Path(sys.argv[1]), port=int(sys.argv[2]))
"""


def main() -> None:
    """Run the benchmark for each number of posts and print a table of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, nargs="+", default=[12, 50, 500])
    parser.add_argument("--edits", type=int, default=5, help="edits to time in the browser (0: none)")
    arguments = parser.parse_args()
    folder = REPOSITORY / "build" / "bench"
    rows = []
    for posts in arguments.posts:
        root = folder / f"{posts}-posts"
        shutil.rmtree(root, ignore_errors=True)
        row = measure(root, posts, arguments.edits)
        rows.append(row)
        print_row(row)
        shutil.rmtree(root, ignore_errors=True)
    write_atomic(folder / "build.json", json.dumps({"load": os.getloadavg()[0], "rows": rows}, indent=1))
    if os.getloadavg()[0] > (os.cpu_count() or 1) + 1:
        print("\nThe machine is busy with other work: ratios of seconds suffer, processor time less.")
    print(f"\nwritten: {(folder / 'build.json').relative_to(REPOSITORY)}")


def measure(root: Path, posts: int, edits: int) -> dict[str, Any]:
    """Everything for one number of posts."""
    write_portfolio(root, posts)
    say(posts, "warming up the interpreter")
    stagings = [restage(root)]
    if not any((root / "build/cache/bytecode").glob("*")):
        plain(root, "zh")
    row: dict[str, Any] = {"posts": posts}
    actions = {
        "plain_zh": lambda: plain(root, "zh"),
        "ours_zh_cold": lambda: ours(root, "zh", cold=True),
        "plain_en": lambda: plain(root, "en"),
        "ours_both_cold": lambda: ours(root, "zh,en", cold=True),
        "ours_unchanged": lambda: ours(root, "zh,en"),
        "ours_both_one_post_edited": lambda: (edit_staged(root), ours(root, "zh,en")),
    }
    if posts > SOME:
        del actions["plain_en"]
    # In turns, and the best of each: other work on the machine only ever adds.
    for turn in range(TURNS if posts <= SOME else 1):
        say(posts, f"staging, turn {turn + 1}")
        stagings += [restage(root), restage(root)]
        for name, action in actions.items():
            say(posts, f"{name}, turn {turn + 1}")
            for unit, value in zip(("s", "cpu"), timed(action), strict=True):
                row[f"{name}_{unit}"] = min(value, row.get(f"{name}_{unit}", value))
    staging, staging_cpu = map(min, zip(*stagings[1:], strict=True))
    row |= {"staging_s": staging, "staging_cpu": staging_cpu}
    row["full_build_to_plain"] = row["ours_zh_cold_s"] / row["plain_zh_s"]
    row["full_build_to_plain_cpu"] = row["ours_zh_cold_cpu"] / row["plain_zh_cpu"]
    row["both_to_one"] = row["ours_both_cold_s"] / row["ours_zh_cold_s"]
    plain_both = row["plain_zh_s"] + row.get("plain_en_s", row["plain_zh_s"])
    row["both_to_plain_both"] = row["ours_both_cold_s"] / plain_both
    # By the clock both have two cores, for each language has a process; by processor time all of it counts as work.
    row["staging_share"] = staging / (staging + row["ours_both_cold_s"])
    row["staging_share_cpu"] = staging_cpu / (staging_cpu + row["ours_both_cold_cpu"])
    if edits:
        say(posts, "edits in the browser")
        row["edit_to_visible_s"] = edit_to_visible(root, edits)
    return row


def plain(root: Path, lang: str) -> None:
    """`mkdocs build`, with nothing of ours but the staged tree."""
    config = {"zh": "mkdocs.yml", "en": "mkdocs.en.yml"}[lang]
    run(root, "-m", "mkdocs", "build", "-q", "-f", config, "-d", str(root / "build" / f"plain-{lang}"))


def ours(root: Path, langs: str, *, cold: bool = False) -> None:
    """`build_site` in a new process; cold: without any cache or earlier site."""
    if cold:
        for name in ("cache/zh", "cache/en", "site"):
            shutil.rmtree(root / "build" / name, ignore_errors=True)
        (root / "build" / "site.json").unlink(missing_ok=True)
    run(root, "-c", _BUILD, str(root), langs)


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the portfolio, the same way for plain MkDocs and for us."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=root,
        env=child_environment(root / "build"),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        sys.exit(f"failed: {' '.join(arguments)[:200]}\n{result.stderr[-3000:]}")
    return result


def timed(action: Callable[[], Any]) -> tuple[float, float]:
    """Seconds by the clock and of processor time, of the action's processes."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    action()
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def restage(root: Path) -> tuple[float, float]:
    """Seconds by the clock and of processor time for staging every post anew."""
    touch_posts(root)
    seconds, cpu = map(float, run(root, "-c", _STAGE, str(root)).stdout.split())
    return seconds, cpu


def touch_posts(root: Path) -> None:
    """Change every post a little, so that staging writes them all again."""
    for path in (root / "blog").glob("*/*.md"):
        path.write_text(path.read_text(encoding="utf-8") + "\nEnd.\n", encoding="utf-8")


def edit_staged(root: Path) -> None:
    """Change the text of one staged post."""
    path = root / "build/docs/zh/blog/posts/post-003.md"
    path.write_text(f"{path.read_text(encoding='utf-8')}\nMore: {time.time_ns()}\n", encoding="utf-8")


def edit_to_visible(root: Path, edits: int) -> list[float]:
    """Seconds from writing a post to its text standing in an open Chromium, for several edits."""
    from playwright.sync_api import sync_playwright

    port = free_port()
    command = [sys.executable, "-W", "ignore", "-c", _SERVE, str(root), str(port)]
    environment = child_environment(root / "build")
    with (root / "serve.log").open("w") as log:
        server = subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log)
    try:
        wait_for(lambda: "ready:" in (root / "serve.log").read_text(encoding="utf-8"), 300)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{port}/blog/post-005/")
            path = root / "blog/post-005/zh.md"
            text = path.read_text(encoding="utf-8")
            seconds = []
            for number in range(edits):
                time.sleep(3)  # as a writer does; the build in the background may be under way
                word = f"edit-{number}-{time.time_ns()}"
                started = time.perf_counter()
                path.write_text(f"{text}\n{word}\n", encoding="utf-8")
                # In every frame that is drawn; a locator would look only every half second.
                shown = "word => document.body && document.body.textContent.includes(word)"
                page.wait_for_function(shown, arg=word, polling="raf", timeout=60_000)
                seconds.append(time.perf_counter() - started)
            browser.close()
        return seconds
    finally:
        server.terminate()
        server.wait()


def wait_for(ready: Callable[[], bool], seconds: float) -> None:
    """Wait until it is ready, or give up."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            sys.exit("the preview did not become ready; see serve.log")
        time.sleep(0.05)


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def say(posts: int, what: str) -> None:
    """A line of progress."""
    print(f"  {posts} posts: {what} …", flush=True)


def print_row(row: dict[str, Any]) -> None:
    """The figures that the targets speak of."""
    edits = sorted(row.get("edit_to_visible_s", []))
    print(
        f"{row['posts']} posts, each in two languages\n"
        f"  staging            {row['staging_s']:.2f} s, {row['staging_share']:.1%} of staging and build"
        f" ({row['staging_share_cpu']:.1%} in processor time)\n"
        f"  plain mkdocs, zh   {row['plain_zh_s']:.2f} s\n"
        f"  ours, zh, cold     {row['ours_zh_cold_s']:.2f} s: {row['full_build_to_plain']:.2f} of plain"
        f" ({row['full_build_to_plain_cpu']:.2f} in processor time)\n"
        f"  ours, both, cold   {row['ours_both_cold_s']:.2f} s: {row['both_to_one']:.2f} of one language,"
        f" {row['both_to_plain_both']:.2f} of plain twice\n"
        f"  one post edited    {row['ours_both_one_post_edited_s']:.2f} s (full build, both)\n"
        f"  unchanged          {row['ours_unchanged_s']:.2f} s",
        flush=True,
    )
    if edits:
        print(
            f"  edit to visible    median {edits[len(edits) // 2]:.2f} s, worst {edits[-1]:.2f} s", flush=True
        )


if __name__ == "__main__":
    main()
