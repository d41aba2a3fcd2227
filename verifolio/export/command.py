"""`verifolio export`: one post, one place, into a folder POST/PLACE/ of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from verifolio.errors import AuthorError, did_you_mean
from verifolio.evidence import gather_evidence
from verifolio.export.places import to_devto, to_linkedin, to_markdown, to_zhihu
from verifolio.export.portable import Portable, make_portable
from verifolio.export.wechat import to_wechat
from verifolio.files import write_atomic
from verifolio.listings import Shelf
from verifolio.page import Page
from verifolio.posts import date_posts, read_posts, read_weeks
from verifolio.site import read_site

# Place: how it is written, the file's ending, the language that its readers expect, charts for which width
# (WeChat is read on phones).
PLACES: dict[str, tuple[Callable[[Portable], str], str, str, str]] = {
    "linkedin": (to_linkedin, "txt", "en", "wide"),
    "zhihu": (to_zhihu, "md", "zh", "wide"),
    "wechat": (to_wechat, "html", "zh", "narrow"),
    "devto": (to_devto, "md", "en", "wide"),
    "markdown": (to_markdown, "md", "zh", "wide"),
}


def export_post(
    root: Path, name: str, place: str, lang: str = "", images_at: str = "", out: Path | None = None
) -> list[Path]:
    """Write the text and its pictures; the files, the text first. `name` is a post's slug or its folder."""
    write, ending, usual, charts = PLACES[place]
    lang = lang or usual
    posts, faults = read_posts(root)
    site = read_site(root)
    posts = date_posts(posts, site.today())
    mine = [post for post in posts if post.lang == lang and not post.broken]
    post = next((one for one in mine if name in (one.meta.slug, one.source.split("/")[1])), None)
    if post is None:
        broken = [fault for fault in faults if f"/{name}/" in f"/{fault.path}"]
        if broken:
            raise AuthorError(faults=broken)
        known = [one.meta.slug for one in mine]
        raise AuthorError(f"no post ‘{name}’ in {lang}", hint=did_you_mean(name, known))
    page = Page(post.source, post.staged, lang, gather_evidence(root).for_page(), site)
    # What is not out yet must not be linked to, nor count for its week.
    shelf = Shelf([one for one in mine if one.state == "published"], read_weeks(root))
    portable = make_portable(page, post, shelf, charts=charts)
    if images_at:
        portable.body = portable.body.replace("](images/", f"]({images_at.rstrip('/')}/")
    # A folder of its own wherever it is written: pictures of an earlier export are removed from it.
    folder = (out or root / "build" / "export") / post.meta.slug / place
    text = write(portable)
    for old in (folder / "images").glob(f"{lang}-*.png"):
        if old.name not in portable.images:
            old.unlink()
    paths = [folder / f"{lang}.{ending}", *(folder / "images" / image for image in portable.images)]
    contents: list[str | bytes] = [text, *portable.images.values()]
    for path, content in zip(paths, contents, strict=True):
        write_atomic(path, content)
    return paths
