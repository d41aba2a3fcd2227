"""A made-up portfolio with any number of bilingual posts, for the benchmark and the tests of the build.

It is this repository with other posts: long ones with code, tables, charts, links with attributes
and, where there are results, bound numbers. Every post differs in text and code, so that no cache
profits from repetition that real posts do not have.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path

LANGS = ("zh", "en")

_WORDS = {
    "en": (
        "model data token review attention gradient label split accuracy baseline adapter memory "
        "sentence learning measure result loss batch layer weight prefix tuning error interval sample "
        "training runs because every small step shows where time goes and what it costs"
    ),
    "zh": (
        "模型 数据 词元 评论 注意力 梯度 标签 划分 准确率 基线 适配器 内存 句子 学习 测量 结果 损失 批次 "
        "层 权重 前缀 微调 误差 区间 样本 训练 因为 每一步 说明 时间 花在 哪里 代价 我们 可以 看到"
    ),
}
_HEADS = {
    "en": ["Why it matters", "The data", "How it trains", "What we measured", "What is next"],
    "zh": ["为什么重要", "数据", "怎样训练", "我们测到了什么", "下一步"],
}
_CATEGORIES = {"en": ["Fine-tuning", "Retrieval", "Speed"], "zh": ["微调", "检索", "提速"]}

REPOSITORY = Path(__file__).resolve().parent.parent
_PARTS = ("mkdocs.yml", "mkdocs.en.yml", "site_src", "projects", "demos", "pyproject.toml")
_IGNORED = shutil.ignore_patterns("__pycache__", "*.sqlite", ".*")


def write_portfolio(root: Path, posts: int) -> None:
    """Write this repository's configuration, pages and projects, with this many posts instead of ours."""
    root.mkdir(parents=True, exist_ok=True)
    for name in _PARTS:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, root / name, dirs_exist_ok=True, ignore=_IGNORED)
        elif source.exists():
            shutil.copy2(source, root / name)
    for name in ("mkdocs.yml", "mkdocs.en.yml"):  # plain MkDocs must be plain
        text = (root / name).read_text(encoding="utf-8")
        text = re.sub(r"^.*verifolio/mkdocs_hook\.py.*\n", "", text, flags=re.MULTILINE)
        (root / name).write_text(text, encoding="utf-8")
    write_posts(root, posts, bound_keys())


def write_posts(root: Path, posts: int, keys: list[str]) -> None:
    """Write this many posts, which bind these keys in turn, into a portfolio."""
    for number in range(posts):
        folder = root / "blog" / f"post-{number:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        for lang in LANGS:
            text = post_text(lang, number, posts, keys)
            (folder / f"{lang}.md").write_text(text, encoding="utf-8")


def bound_keys() -> list[str]:
    """Metrics of this repository's results, to be bound by the posts."""
    keys = []
    for path in sorted((REPOSITORY / "projects").glob("*/results/*.json")):
        metrics = json.loads(path.read_text(encoding="utf-8")).get("metrics", {})
        keys += [f"{path.parent.parent.name}.{path.stem}.{name}" for name in metrics]
    return keys


def post_text(lang: str, number: int, posts: int, keys: list[str]) -> str:
    """Return one post: about 1,200 words, 5 sections, code, tables, charts, links, bound numbers."""
    rng = random.Random(f"{lang}-{number}")
    title = f"{_sentence(rng, lang, 5).strip()} {number}"
    parts = [
        f"---\ntitle: {title}\ndescription: {title}\nslug: post-{number:03d}\n"
        f"date: {2020 + number % 7}-{1 + number % 12:02d}-{1 + number % 28:02d}\n"
        f"categories: [{_CATEGORIES[lang][number % 3]}]\ntags: [bench, n{number % 9}]\n---\n",
        _paragraph(rng, lang, number, posts, note=""),
        "<!-- more -->",
    ]
    for index, head in enumerate(_HEADS[lang]):
        parts += [f"## {head} {{#s{index}}}"]
        parts += [_paragraph(rng, lang, number, posts) for _ in range(3)]
        if keys:  # the same in both languages, as staging demands
            key = keys[(number * len(_HEADS[lang]) + index) % len(keys)]
            parts += [f"{_sentence(rng, lang, 8)} {{{{ {key} }}}} {_sentence(rng, lang, 8)}"]
        parts += [_code(rng, number), "\n".join(f"- {_sentence(rng, lang, 9)}" for _ in range(4))]
        if index in (1, 3):
            parts += [_table(rng), _chart(rng, number, index)]
    parts += ['!!! note "Note"\n\n    ' + _sentence(rng, lang, 30), "[^1]: A footnote."]
    return "\n\n".join(parts) + "\n"


def _sentence(rng: random.Random, lang: str, words: int) -> str:
    return ("" if lang == "zh" else " ").join(rng.choices(_WORDS[lang].split(), k=words))


def _paragraph(rng: random.Random, lang: str, number: int, posts: int, note: str = "[^1]") -> str:
    other = rng.randrange(posts)
    stop = "。" if lang == "zh" else ". "
    text = stop.join(_sentence(rng, lang, 12) for _ in range(4))
    return (
        f"{text} **{_sentence(rng, lang, 2)}** `run(seed={number})` "
        f"[{_sentence(rng, lang, 1)}](../../about.md){{.vf-num data-vf=a.b.c}} "
        f"[{_sentence(rng, lang, 2)}](post-{other:03d}.md#s1){note}{stop}"
    )


def _code(rng: random.Random, number: int) -> str:
    names = rng.sample(_WORDS["en"].split()[:25], 6)
    body = "\n".join(f"    {n} = {n}_of(batch, rate={rng.random():.4f})  # {n}" for n in names)
    head = f"def step_{number}_{rng.randrange(999)}(batch: dict) -> float:"
    return f"```python\n{head}\n{body}\n    return {names[0]}\n```"


def _table(rng: random.Random) -> str:
    rows = "\n".join(f"| {n} | {rng.random():.3f} | {rng.randrange(9999)} |" for n in "abcdef")
    return f'<div class="vf-table" markdown>\n\n| method | accuracy | n |\n|---|--:|--:|\n{rows}\n\n</div>'


def _chart(rng: random.Random, number: int, index: int) -> str:
    marks = "".join(
        f'<path d="M{rng.random() * 600:.2f},{rng.random() * 300:.2f}L{rng.random() * 600:.2f},0" '
        f'stroke="var(--vf-c{1 + i % 6})" fill="none"></path>'
        for i in range(60)
    )
    svg = f'<svg viewBox="0 0 640 320" role="presentation"><g>{marks}</g></svg>'
    return (
        f'<figure class="vf-chart" id="chart-{number}-{index}"><figcaption>Loss</figcaption>'
        f'<div class="vf-chart-wide" role="img" aria-label="loss">{svg}</div>'
        f'<div class="vf-chart-narrow" role="img" aria-label="loss">{svg}</div></figure>'
    )
