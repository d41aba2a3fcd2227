"""A new project, post or demo: complete, true and without a fault from the first minute."""

from __future__ import annotations

import importlib.metadata
import json
import re
from dataclasses import dataclass
from pathlib import Path

from verifolio.authoring.fill import check_identifier, check_slug, filled, write_new
from verifolio.errors import AuthorError, did_you_mean
from verifolio.evidence import gather_evidence
from verifolio.portfolio import read_portfolio
from verifolio.posts import read_posts
from verifolio.results import Words
from verifolio.site import read_site


@dataclass(frozen=True)
class Binding:
    """What a new post binds: a metric with its label, and a chart of the same result if there is one."""

    key: str
    label: Words
    chart: str = ""


def new_project(root: Path, slug: str) -> list[Path]:
    """A project with one tiny experiment that really runs."""
    check_identifier(slug, "project")
    texts = filled("project", {"SLUG": slug})
    files = {f"projects/{slug}/{name}": text for name, text in texts.items()}
    if not (root / "projects" / "__init__.py").exists():
        files["projects/__init__.py"] = '"""Projects: each folder declares its experiments."""\n'
    return write_new(root, files)


def new_post(
    root: Path,
    name: str,
    *,
    about: str = "",
    week: int | None = None,
    draft: bool = True,
    binding: Binding | None = None,
    title: Words | None = None,
) -> list[Path]:
    """A post in both languages that binds a fresh result, if the portfolio has one; a draft."""
    slug = check_slug(name)
    if not (root / "blog" / slug).exists():
        _refuse_taken(root, slug)
    title = title or dict.fromkeys(("zh", "en"), slug.replace("-", " ").capitalize())
    binding = binding or find_binding(root, about)
    extra = (f"week: {week}\n" if week else "") + ("draft: true\n" if draft else "")
    tokens = {
        "ZH_NAME": title["zh"],
        "EN_NAME": title["en"],
        "SLUG": slug,
        "DATE": str(read_site(root).today()),
        "EXTRA": extra,
        **_words(binding),
    }
    return write_new(root, {f"blog/{slug}/{name}": text for name, text in filled("post", tokens).items()})


def new_demo(root: Path, slug: str, project: str = "") -> list[Path]:
    """A runnable demo of a project; with recorded outputs where the project has them, else planned."""
    check_identifier(slug, "demo")
    known = read_portfolio(root).projects
    project = project or (slug if slug in known else "")
    if project not in known:
        raise AuthorError(
            f"no project ‘{project}’" if project else "which project does it show?",
            hint=did_you_mean(project, list(known)) or "verifolio new project NAME makes one",
        )
    tokens = {"SLUG": slug, "PROJECT": project, "GRADIO": _gradio_version(root)}
    texts = filled("demo", tokens)
    other = texts.pop("app_results.py")
    if not _is_example(root, project):
        texts["app.py"] = other
        declared = re.sub(r"^(good_at|bad_at):.*\n", "", texts["demo.yml"], flags=re.MULTILINE)
        declared = re.sub(
            r"^title:.*$", f'title: {{zh: "{slug}", en: "{slug}"}}', declared, flags=re.MULTILINE
        )
        declared = re.sub(r"^summary:.*$", _SUMMARY, declared, flags=re.MULTILINE)
        texts["demo.yml"] = declared[: declared.index("recorded:")] + _PLANNED
    return write_new(root, {f"demos/{slug}/{name}": text for name, text in texts.items()})


def find_binding(root: Path, about: str = "") -> Binding | None:
    """The first metric of `about` (PROJECT or PROJECT.EXPERIMENT), or of the first fresh result."""
    states = gather_evidence(root).states
    chosen = [name for name in states if about in ("", name, name.partition(".")[0])]
    if about and not chosen:
        known = sorted({*states, *(name.partition(".")[0] for name in states)})
        raise AuthorError(f"no project or experiment ‘{about}’", hint=did_you_mean(about, known))
    for name in chosen:
        result = states[name].result
        if states[name].state == "fresh" and result and result.metrics:
            key, metric = next(iter(result.metrics.items()))
            chart = f"{name}.{next(iter(result.charts))}" if result.charts else ""
            return Binding(f"{name}.{key}", metric.label, chart)
    if about:
        raise AuthorError(f"{about} has no fresh result to bind", hint=f"verifolio run {about}")
    return None


def _refuse_taken(root: Path, slug: str) -> None:
    """A post of another folder may have the address."""
    taken = next((one for one in read_posts(root)[0] if one.meta.slug == slug), None)
    if taken:
        raise AuthorError(
            f"has the address ‘{slug}’; nothing was written", path=taken.source, hint="choose another name"
        )


def _is_example(root: Path, project: str) -> bool:
    """Whether a project is still what `new project` made, so that our demo of it is true."""
    module = root / "projects" / project / "birthdays.py"
    made = filled("project", {"SLUG": project})["birthdays.py"]
    return module.is_file() and module.read_text(encoding="utf-8") == made


def _words(binding: Binding | None) -> dict[str, str]:
    if binding is None:
        words = {"ZH_LEAD": "用一句话说出关键的数字。", "EN_LEAD": "Say the key number in one sentence."}
        return {**words, **_in_quotes(words), "ZH_BODY": "", "EN_BODY": ""}
    bound = f"{{{{ {binding.key} }}}}"
    label = binding.label["en"]
    words = {
        "ZH_LEAD": f"{binding.label['zh']}：{bound}。",
        "EN_LEAD": f"{label[:1].upper()}{label[1:]}: {bound}.",
    }
    words |= _in_quotes(words)
    for lang, alt in (
        ("zh", "写下看不见图的读者该知道的事"),
        ("en", "Say what a reader who cannot see it should know"),
    ):
        colon = "：" if lang == "zh" else ": "
        block = f"\n::: chart {binding.chart}\ntitle: {binding.label[lang]}{colon}{bound}\nalt: {alt}{colon}{bound}\n:::\n"
        quoted = re.sub(
            r"^(title|alt): (.*)$",
            lambda found: f"{found[1]}: {json.dumps(found[2], ensure_ascii=False)}",
            block,
            flags=re.MULTILINE,
        )
        words[f"{lang.upper()}_BODY"] = quoted if binding.chart else ""
    return words


def _in_quotes(words: dict[str, str]) -> dict[str, str]:
    """The same as YAML strings, whatever a label holds."""
    return {f"{key}_QUOTED": json.dumps(text, ensure_ascii=False) for key, text in words.items()}


def _gradio_version(root: Path) -> str:
    lock = root / "requirements.lock"
    found = (
        re.search(r"^gradio==([\w.]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
        if lock.exists()
        else None
    )
    if found:
        return found.group(1)
    try:
        return importlib.metadata.version("gradio")
    except importlib.metadata.PackageNotFoundError:
        raise AuthorError(
            "Gradio is neither in requirements.lock nor installed", hint="python scripts/setup_env.py run"
        ) from None


_SUMMARY = "summary: {zh: 写一句它能做什么。, en: Say in one line what it does.}"
_PLANNED = """# Planned until it has recorded outputs: let an experiment write a table with the columns input and output, then add
# recorded: {table: PROJECT.EXPERIMENT.TABLE, input: input, output: output}
# and say what it is good_at and bad_at, in both languages.
"""
