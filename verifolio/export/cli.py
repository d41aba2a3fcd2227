"""`verifolio export POST --to PLACE`."""

from __future__ import annotations

from pathlib import Path

import click

_NEXT = {
    "linkedin": "paste the text into a new post; {cover} is its picture",
    "zhihu": "写文章 → 导入文档, choose the file; put the {count} pictures in where they are named, or export with --images-at",
    "wechat": "open it in a browser, press the button, paste into the editor; replace the {count} pictures by uploads",
    "devto": "paste it into the editor in Markdown mode; it stays a draft until you set published: true",
    "markdown": "take the file and the folder images along",
}


@click.command("export")
@click.argument("post")
@click.option(
    "--to", "place", required=True, type=click.Choice(["linkedin", "zhihu", "wechat", "devto", "markdown"])
)
@click.option("--lang", type=click.Choice(["zh", "en"]), help="Default: what the place’s readers expect.")
@click.option(
    "--images-at",
    default="",
    metavar="URL",
    help="Where you put the pictures (default: images/ beside the text).",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, resolve_path=True, path_type=Path),
    metavar="FOLDER",
    help="Write into FOLDER/POST/PLACE/ (default: build/export/POST/PLACE/).",
)
@click.pass_context
def export(
    ctx: click.Context, post: str, place: str, lang: str | None, images_at: str, out: Path | None
) -> None:
    """A post for another place, into build/export/POST/PLACE/.

    Numbers become text, charts pictures, links absolute (`site:` in publish.yml), demos their first recorded outputs and a link,
    formulas LaTeX (text for LinkedIn and WeChat); the receipts stand at the end. For LinkedIn, a line says what stands
    in the post where plain text has nothing. It keeps to the place's limits, and a stale number or a false claim stops
    it. For Zhihu no document on limits was found: a title of at most 100 characters is assumed. It fetches pictures
    only from addresses that can be reached from inside China: put them there, and name the place by --images-at.

    \b
      verifolio export fine-tuning --to wechat
      verifolio export fine-tuning --to devto --images-at https://example.org/pictures
    """
    from verifolio.address import set_address
    from verifolio.export.command import export_post
    from verifolio.portfolio import find_root
    from verifolio.site import read_site

    root: Path = ctx.obj or find_root()
    set_address(root)
    paths = export_post(root, post, place, lang or "", images_at, out)
    names = [(path if out else path.relative_to(root)).as_posix() for path in paths]
    for path, name in zip(paths, names, strict=True):
        click.echo(f"  {name}  {path.stat().st_size:,} bytes")
    click.echo(f"next: {_NEXT[place].format(cover=names[1], count=len(paths) - 2)}")
    if "127.0.0.1" in read_site(root).url:
        click.echo(
            "! links lead to 127.0.0.1: write your site’s address into publish.yml (site: https://…), or set SITE_URL, "
            "and export again",
            err=True,
        )
