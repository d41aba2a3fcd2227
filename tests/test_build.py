"""The build: the same site as plain MkDocs, faster, never half a site, nothing done twice."""

from __future__ import annotations

import contextlib
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from repository import REPOSITORY, share_cache

from scripts.bench_build import free_port, wait_for
from scripts.synthetic_site import write_portfolio, write_posts
from verifolio import excerpts, searchtext, speedups
from verifolio.build import build_site, child_environment, listing
from verifolio.cache import Cache
from verifolio.errors import AuthorError
from verifolio.preview import PreviewServer
from verifolio.stage import stage

TOY = REPOSITORY / "tests" / "portfolio"
# Leads whose HTML depends on what follows them, or that cannot be cut: all must come out as plain.
ODD_POSTS = {
    "footnote": "A lead[^1] with a note.\n\n<!-- more -->\n\nRest.\n\n[^1]: The note.",
    "code": "Lead.\n\n```python\nx = 1\n```\n\n<!-- more -->\n\n```python\ny = 2\n```",
    "reference": "See [this][one].\n\n<!-- more -->\n\nRest.\n\n[one]: https://example.org/",
    "same-id": "## Data\n\nLead.\n\n<!-- more -->\n\n## Other {#data}\n\nRest.",
    "open-tag": '<div markdown="1">\n\nLead.\n\n<!-- more -->\n\nRest.\n\n</div>',
    "nothing-after": "Only a lead.\n\n<!-- more -->\n",
    "abbreviation": "The HTML of it.\n\n<!-- more -->\n\nRest.\n\n*[HTML]: Hyper Text",
    "inline": "Lead with <!-- more --> in a line.\n\n<!-- more -->\n\nRest.",
    "links": "[About](../../about.md) and [#](#self) <span class='x'>**bold**</span>.\n\n<!-- more -->\n\nMore.",
    "svg": "Lead.\n\n<!-- more -->\n\n<svg viewBox='0 0 9 9'><g><text>a  b</text> <path d='M0'/></g></svg>",
}


@pytest.fixture(scope="module")
def portfolio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository, staged with a few ordinary posts and all the odd ones: more than a list's page takes.

    Without most of the receipts, which are many and much alike.
    """
    root = tmp_path_factory.mktemp("build")
    write_portfolio(root, 4)
    share_cache(root)
    stage(root, strict=False)
    for lang in ("zh", "en"):
        docs = root / "build/docs" / lang
        for name, body in ODD_POSTS.items():
            head = f"---\ntitle: {name}\ndate: 2026-01-02\nslug: odd-{name}\ncategories: [Odd]\n---\n\n"
            (docs / f"blog/posts/odd-{name}.md").write_text(f"{head}# {name}\n\n{body}\n", encoding="utf-8")
        for folder in [path for path in sorted((docs / "receipts").iterdir()) if path.is_dir()][1:]:
            shutil.rmtree(folder)
    return root


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small portfolio, staged, with its site built."""
    root = tmp_path_factory.mktemp("small") / "portfolio"
    shutil.copytree(TOY, root)
    stage(root)
    build_site(root, staged=True)
    return root


def python(root: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=root,
        env={**child_environment(root / "build"), **more},
        capture_output=True,
        text=True,
        check=False,
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a site, but for the times that feeds and site maps hold."""
    date = re.compile(rb"\w{3}, \d\d \w{3} \d{4} [\d:]{8} [-+]\d{4}|\d{4}-\d\d-\d\dT[\d:.]+(\+00:00|Z)?")
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "sitemap.xml.gz":
            found[path.relative_to(folder).as_posix()] = date.sub(b"", path.read_bytes())
    return found


@pytest.fixture(scope="module")
def plain(portfolio: Path) -> dict[str, dict[str, bytes]]:
    """What plain MkDocs makes of the same tree, by language."""
    found = {}
    for lang, config in (("zh", "mkdocs.yml"), ("en", "mkdocs.en.yml")):
        folder = portfolio / f"build/plain-{lang}"
        made = python(portfolio, "-m", "mkdocs", "build", "-q", "-f", config, "-d", str(folder))
        assert made.returncode == 0, made.stderr
        found[lang] = contents(folder)
    assert "blog/page/2/index.html" in found["zh"]
    return found


@pytest.mark.parametrize("cache", ["cold", "warm"])
def test_site_is_the_one_that_plain_mkdocs_builds(
    portfolio: Path, plain: dict[str, dict[str, bytes]], cache: str
) -> None:
    if cache == "cold":
        for lang in plain:
            shutil.rmtree(portfolio / "build/cache" / lang, ignore_errors=True)
    else:
        build_site(portfolio, strict=False, staged=True)
    (portfolio / "build/site.json").unlink(missing_ok=True)
    assert build_site(portfolio, strict=False, staged=True).changed
    ours = contents(portfolio / "build/site")
    for lang, theirs in plain.items():
        english = {name: data for name, data in ours.items() if name.startswith("en/")}
        mine = ours.items() - english.items() if lang == "zh" else english.items()
        found = {name.removeprefix("en/"): data for name, data in mine}
        assert found.keys() == theirs.keys()
        assert [name for name in found if found[name] != theirs[name]] == []


def test_every_patch_knows_the_installed_source() -> None:
    from material.plugins.blog.readtime import readtime
    from material.plugins.blog.readtime.parser import ReadtimeParser
    from material.plugins.blog.structure import Excerpt
    from material.plugins.search.plugin import Parser, SearchIndex
    from mkdocs.structure.pages import Page

    wholes = (Parser, ReadtimeParser, readtime)
    methods = (Page.render, Excerpt.__init__, Excerpt.render, SearchIndex.add_entry_from_context)
    originals = [getattr(method, "__wrapped__", method) for method in methods]
    assert {speedups.source_hash(one) for one in (*wholes, *originals)} == set(speedups.KNOWN)


@pytest.mark.parametrize("name", [name for name in ODD_POSTS if name not in ("same-id", "links", "svg")])
def test_odd_leads_are_not_cut(name: str) -> None:
    assert excerpts.lead_of(f"# T\n\n{ODD_POSTS[name]}\n", "<!-- more -->") is None


def test_plain_lead_is_cut() -> None:
    text = "# T\n\nA **lead** with [a link](b.md).\n\n<!-- more -->\n\n```python\nx\n```\n"
    assert excerpts.lead_of(text, "<!-- more -->") == "# T\n\nA **lead** with [a link](b.md)."


@pytest.mark.parametrize(
    "html",
    [
        "<h1 id='a'>T</h1><pre><code><span class='k'>if</span> <span>x</span>\n<span>y &lt; z</span></code></pre>",
        "<h1 id='a'>T</h1><p>a</p><svg><g><text>one</text><text> two </text>\n<path d='M0,0'/></g></svg><p>b</p>",
        "<svg><style>p{}</style><g></svg><h2 id='b'>U</h2>text",
        "<h2 id='b'>U</h2><svg aria-label='a > b'><g><text>x</text></g></svg>",
    ],
)
def test_lightened_html_means_the_same_to_search_and_reading_time(html: str) -> None:
    from material.plugins.blog.readtime.parser import ReadtimeParser
    from material.plugins.search.plugin import Parser

    def sections(text: str) -> list[tuple[str, str]]:
        parser = Parser()
        type(parser).__mro__[1].feed(parser, text)
        parser.close()
        return [("".join(one.title), "".join(one.text)) for one in parser.data]

    def words(text: str) -> str:
        parser = ReadtimeParser()
        parser.feed(text)
        return "".join(parser.text)

    assert sections(searchtext.lighten(html)) == sections(html)
    assert words(searchtext.lighten(html)) == words(html)


def test_unchanged_site_is_left_alone(small: Path) -> None:
    build_site(small, strict=False, staged=True)
    before = listing(small / "build/site")
    report = build_site(small, strict=False, staged=True)
    assert not report.changed
    assert report.seconds < 1
    assert listing(small / "build/site") == before


def test_a_file_missing_from_the_site_is_built_again(small: Path) -> None:
    page = small / "build/site/about/index.html"
    page.unlink()
    assert build_site(small, strict=False, staged=True).changed
    assert page.exists()


def test_a_broken_link_fails_and_leaves_the_old_site(small: Path) -> None:
    build_site(small, strict=False, staged=True)
    before = listing(small / "build/site")
    page = small / "build/docs/en/about.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(f"{text}\n[nowhere](nowhere.md)\n", encoding="utf-8")
    try:
        with pytest.raises(AuthorError, match=r"mkdocs\.en\.yml: .*about\.md.*nowhere\.md"):
            build_site(small, strict=True, staged=True)
    finally:
        page.write_text(text, encoding="utf-8")
    assert listing(small / "build/site") == before
    assert not list((small / "build").glob("site.*-*"))


BUILD = "import sys; from pathlib import Path; from verifolio.build import build_site; "
BUILD += "build_site(Path(sys.argv[1]), strict=False, staged=True)"


def test_a_full_disk_is_a_clear_error_and_loses_nothing(small: Path) -> None:
    # Compiled apart and beforehand: the limit below would cut off bytecode too, and Python would not notice.
    own = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(small / "compiled")}
    (small / "build/site.json").unlink(missing_ok=True)
    assert python(small, "-c", BUILD, str(small), **own).returncode == 0
    before = listing(small / "build/site")
    (small / "build/site.json").unlink()
    # No file may grow beyond 3 kB: what a full disk does, to this process and its children only.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)); "
    catch = "from verifolio.errors import AuthorError\ntry:\n    "
    code = limit + catch + BUILD.replace("; ", "\n    ") + "\nexcept AuthorError as e:\n    print('CLEAR', e)"
    done = python(small, "-c", code, str(small), **own)
    assert "CLEAR" in done.stdout, done.stderr
    assert "cannot write" in done.stdout
    assert listing(small / "build/site") == before


def test_a_kill_leaves_the_old_site_or_the_new(small: Path) -> None:
    page = small / "build/docs/zh/about.md"
    text = page.read_text(encoding="utf-8")
    build_site(small, strict=False, staged=True)
    build, shown = small / "build", small / "build/site/about/index.html"
    moments = random.Random(7)
    for round_number in range(5):
        page.write_text(f"{text}\nround {round_number}\n", encoding="utf-8")
        old = contents(build / "site")
        process = subprocess.Popen(
            [sys.executable, "-c", BUILD, str(small)], cwd=small, env=child_environment(build)
        )
        time.sleep(moments.uniform(0.1, 2.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        now = contents(build / "site")
        assert now == old or f"round {round_number}".encode() in now["about/index.html"]
        build_site(small, strict=False, staged=True)
        assert f"round {round_number}" in shown.read_text(encoding="utf-8")
        assert sorted(path.name for path in build.glob("site*")) == ["site", "site.json"]
    page.write_text(text, encoding="utf-8")


def test_a_kill_between_two_renames_is_mended(small: Path) -> None:
    build_site(small, strict=False, staged=True)
    before = contents(small / "build/site")
    (small / "build/site").rename(small / "build/site.old")
    assert not build_site(small, strict=False, staged=True).changed
    assert contents(small / "build/site") == before


def test_a_broken_cache_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    path.write_bytes(b"not a database" * 100)
    cache = Cache(path)
    cache.put(cache.key("a"), [1])
    cache.save()
    assert Cache(path).get(cache.key("a")) == [1]


def test_a_cache_drops_what_a_build_did_not_use(tmp_path: Path) -> None:
    first = Cache(tmp_path / "cache.sqlite")
    for name in "ab":
        first.put(first.key(name), name)
    first.save()
    second = Cache(tmp_path / "cache.sqlite")
    assert second.get(second.key("a")) == "a"
    second.save()
    third = Cache(tmp_path / "cache.sqlite")
    assert (third.get(third.key("a")), third.get(third.key("b"))) == ("a", None)


# --- the hook ---------------------------------------------------------------------------------


@pytest.fixture
def hooked(tmp_path: Path) -> Path:
    """A portfolio whose configuration has our hook, as the repository's own has."""
    root = tmp_path / "portfolio"
    shutil.copytree(TOY, root)
    for name in ("zh", "en"):
        (root / "build/docs" / name).mkdir(parents=True)
    (root / "verifolio").symlink_to(REPOSITORY / "verifolio")
    append(root / "mkdocs.yml", "hooks:\n  - verifolio/mkdocs_hook.py\n")
    return root


def mkdocs(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(root, "-m", "mkdocs", *arguments, VERIFOLIO_STAGED="")


def test_plain_mkdocs_build_stages_first(hooked: Path) -> None:
    done = mkdocs(hooked, "build", "-q")
    assert done.returncode == 0, done.stderr
    assert (hooked / "build/site/blog/second-look/index.html").exists()


def test_plain_mkdocs_build_reports_all_faults_without_a_traceback(hooked: Path) -> None:
    for lang in ("zh", "en"):
        append(hooked / f"blog/second-look/{lang}.md", "\n{{ no.such.key }}\n")
    done = mkdocs(hooked, "build", "-q")
    assert done.returncode == 1
    assert "blog/second-look/zh.md" in done.stderr
    assert "blog/second-look/en.md" in done.stderr
    assert "Traceback" not in done.stderr


# --- the preview ------------------------------------------------------------------------------


def test_a_taken_port_is_a_clear_error() -> None:
    server = PreviewServer("127.0.0.1", 0)
    try:
        with pytest.raises(AuthorError, match="taken") as caught:
            PreviewServer("127.0.0.1", server.server_address[1])
        assert "--port" in caught.value.hint
    finally:
        server.server_close()


def test_news_reach_a_page_served_before_them() -> None:
    server = PreviewServer("127.0.0.1", 0)
    since = int(re.search(rb"since=(\d+)", server.client())[1])
    assert server.wait(since, 0.01) is None
    server.publish({"/a/"})
    server.publish({"/b/"})
    assert server.wait(since, 0.01)["paths"] == ["/a/", "/b/"]
    assert server.wait(1, 0.01)["paths"] == ["*"]  # from an earlier run of the preview
    server.server_close()


def test_a_page_hears_of_what_changed_while_it_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.html").write_text("<body>old</body>")
    server = PreviewServer("127.0.0.1", 0)
    server.roots[""] = tmp_path
    read = Path.read_bytes

    def read_then_built(path: Path) -> bytes:
        found = read(path)
        server.publish({"/"})
        return found

    monkeypatch.setattr(Path, "read_bytes", read_then_built)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with urllib.request.urlopen(server.url, timeout=10) as answer:
        since = int(re.search(rb"since=(\d+)", answer.read())[1])
    assert server.wait(since, 0.01)["paths"] == ["/"]
    server.shutdown()
    server.server_close()


@contextlib.contextmanager
def previewing(root: Path) -> Iterator[str]:
    """A running preview of `root`, which leaves nothing behind."""
    port, log = free_port(), root / "serve.log"
    code = "import sys; from pathlib import Path; from verifolio.serve import serve; "
    code += "serve(Path(sys.argv[1]), port=int(sys.argv[2]))"
    (root / "build").mkdir()
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, str(root), str(port)],
            cwd=root,
            env=child_environment(root / "build"),
            stdout=stream,
            stderr=stream,
        )
    try:
        wait_for(lambda: "ready:" in log.read_text(encoding="utf-8") or process.poll() is not None, 180)
        assert process.poll() is None, log.read_text(encoding="utf-8")
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        assert process.wait(60) == 0
    assert not list((root / "build").glob("serve-*"))


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    root = tmp_path_factory.mktemp("serve") / "portfolio"
    shutil.copytree(TOY, root)
    write_posts(root, 3, keys=[])
    with previewing(root) as url:
        yield root, url


def fetch(address: str) -> str:
    with contextlib.suppress(urllib.error.HTTPError):
        return urllib.request.urlopen(address, timeout=60).read().decode()
    return ""


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_preview_shows_an_edit_in_its_language(preview: tuple[Path, str]) -> None:
    root, url = preview
    append(root / "blog/post-001/en.md", "\nan edited line\n")
    wait_for(lambda: "an edited line" in fetch(f"{url}en/blog/post-001/"), 60)
    assert "an edited line" not in fetch(f"{url}blog/post-001/")


def test_preview_lists_follow(preview: tuple[Path, str]) -> None:
    root, url = preview
    for lang in ("zh", "en"):
        path = root / f"blog/post-002/{lang}.md"
        text = re.sub(r"^title: .*$", "title: Renamed", path.read_text(encoding="utf-8"), flags=re.M)
        path.write_text(text, encoding="utf-8")
    wait_for(lambda: "Renamed" in fetch(f"{url}blog/post-002/"), 60)
    wait_for(lambda: "Renamed" in fetch(f"{url}blog/") and "Renamed" in fetch(f"{url}en/blog/"), 60)


def test_preview_shows_a_new_post(preview: tuple[Path, str]) -> None:
    root, url = preview
    (root / "blog/new").mkdir()
    for lang in ("zh", "en"):
        text = (root / f"blog/post-000/{lang}.md").read_text(encoding="utf-8")
        (root / f"blog/new/{lang}.md").write_text(text.replace("post-000", "brand-new"), encoding="utf-8")
    wait_for(lambda: fetch(f"{url}en/blog/brand-new/") != "", 60)


def test_preview_shows_a_fault_in_its_page(preview: tuple[Path, str]) -> None:
    root, url = preview
    append(root / "blog/post-000/zh.md", "\n{{ no.such.key }}\n")
    wait_for(lambda: "vf-fault" in fetch(f"{url}blog/post-000/").split("<script>(function")[0], 60)
    assert "blog/post-000/zh.md" in (root / "serve.log").read_text(encoding="utf-8")


def test_preview_reloads_every_page_for_a_changed_style(preview: tuple[Path, str]) -> None:
    root, url = preview
    since = re.search(r"since=(\d+)", fetch(url))[1]
    append(root / "site_src/assets/toy.css", "\n/* changed */\n")
    with urllib.request.urlopen(f"{url}_verifolio/events?since={since}", timeout=60) as stream:
        news = next(line for line in stream if line.startswith(b"data:") and b'"*"' in line)
    assert news  # of the language that was built first
    wait_for(lambda: "/* changed */" in fetch(f"{url}assets/toy.css"), 60)


def test_preview_answers_missing_pages_and_folders(preview: tuple[Path, str]) -> None:
    _, url = preview
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{url}nowhere/")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{url}%2e%2e/%2e%2e/serve.log")
    assert urllib.request.urlopen(f"{url}en").url.endswith("/en/")


def test_edit_reaches_the_open_browser(preview: tuple[Path, str], new_page: Callable[..., Any]) -> None:
    root, url = preview
    page = new_page()
    page.goto(f"{url}blog/post-001/")
    append(root / "blog/post-001/zh.md", "\nseen-without-a-key-pressed\n")
    page.get_by_text("seen-without-a-key-pressed").wait_for(timeout=60_000)


BUSY_PAGES = """
from pathlib import Path
from time import monotonic

def on_page_markdown(markdown, config, **_):
    build = Path(config.config_file_path).parent / "build"
    end = monotonic() + (build / "busy").exists()
    while monotonic() < end:
        (build / "building").touch()
        Path(config.site_dir).mkdir(parents=True, exist_ok=True)
    return markdown
"""


def test_preview_ends_a_build_under_way(tmp_path: Path) -> None:
    root = tmp_path / "portfolio"
    shutil.copytree(TOY, root)
    (root / "busy.py").write_text(BUSY_PAGES, encoding="utf-8")
    append(root / "mkdocs.yml", "\nhooks: [busy.py]\n")
    with previewing(root):
        (root / "build/busy").touch()
        append(root / "mkdocs.yml", "# of every page's frame\n")
        wait_for((root / "build/building").exists, 60)
