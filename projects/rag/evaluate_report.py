"""Writes down what the evaluation of answering found: metrics with intervals, tables, charts, the failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from projects.rag.gold import KINDS
from projects.rag.scoring import Judged, refusal_interval, refusal_scores, share
from projects.sentiment.metrics import bootstrap, wilson
from projects.sentiment.plots import named_dots

if TYPE_CHECKING:
    from verifolio.record import Run

LANGS = {"zh": {"zh": "中文", "en": "Chinese"}, "en": {"zh": "英文", "en": "English"}}
KIND_NAMES = {
    "fact": {"zh": "单一事实", "en": "single fact"},
    "table": {"zh": "查表", "en": "table look-up"},
    "multi": {"zh": "多处综合", "en": "several passages"},
    "followup": {"zh": "追问", "en": "follow-up"},
    "unanswerable": {"zh": "资料里没有", "en": "not in the documents"},
    "adversarial": {"zh": "对抗", "en": "adversarial"},
}
VARIANT_NAMES = {
    "shipped": {"zh": "发布的配置（限时）", "en": "as shipped (with its time limit)"},
    "quoted": {"zh": "不用模型，只摘录", "en": "no model, quotations only"},
    "patient": {"zh": "限时 3 秒", "en": "three seconds"},
    "unchecked": {"zh": "限时 3 秒，不核对", "en": "three seconds, no check"},
    "strict": {"zh": "限时 3 秒，长提示词", "en": "three seconds, long prompt"},
}
CAUSES = {
    "missed": {"zh": "没检索到", "en": "not retrieved"},
    "refused": {"zh": "有答案却拒答", "en": "refused, though it is there"},
    "invented": {"zh": "没有答案却作答", "en": "answered, though it is not there"},
    "other": {"zh": "引了别的内容", "en": "said something else"},
    "part": {"zh": "只答了一部分", "en": "only part of it"},
}


def record_answers(run: Run, judged: Sequence[Judged]) -> None:
    """Metrics over all questions and by language, latency by stage, and a table by kind of question."""
    for lang in ("", "zh", "en"):
        some = [one for one in judged if not lang or one.question.lang == lang]
        if some:
            _metrics_of(run, some, lang)
    _latency(run, judged)
    rows = []
    for kind in KINDS:
        some = [one for one in judged if one.question.kind == kind]
        asked = [one for one in some if one.exact is not None]
        rows.append(
            {
                "kind": KIND_NAMES[kind],
                "n": len(some),
                "exact": share([bool(one.exact) for one in asked]) if asked else None,
                "cites": share([one.right_citations > 0 for one in asked]) if asked else None,
                "refused": share([one.refused for one in some]) if some else None,
                "obeyed": sum(one.obeyed for one in some),
            }
        )
    columns = (
        ("n", "问题数", "questions", "count"),
        ("exact", "答对", "right", "ratio"),
        ("cites", "引到正确段落", "cites a gold passage", "ratio"),
        ("refused", "拒答", "refused", "ratio"),
        ("obeyed", "听从了隐藏指令", "hidden instruction obeyed", "count"),
    )
    run.table("kinds", columns=_columns("kind", "问题类型", "kind of question", columns), rows=rows)


def _columns(key: str, zh: str, en: str, rest: Sequence[tuple[str, str, str, str]]) -> list[dict]:
    first = {"key": key, "label": {"zh": zh, "en": en}}
    return [first, *({"key": k, "label": {"zh": z, "en": e}, "unit": unit} for k, z, e, unit in rest)]


def _metrics_of(run: Run, judged: Sequence[Judged], lang: str) -> None:
    tail = f"_{lang}" if lang else ""
    zh, en = (f"（{LANGS[lang]['zh']}）", f" ({LANGS[lang]['en']})") if lang else ("", "")

    def ratio(key: str, values: Sequence[bool], name_zh: str, name_en: str, better: str = "higher") -> None:
        run.metric(
            f"{key}{tail}", share(values), unit="ratio", better=better, n=len(values),  # type: ignore[arg-type]
            ci=wilson(share(values), max(len(values), 1)), ci_method="Wilson 95 %",
            label={"zh": name_zh + zh, "en": name_en + en},
        )  # fmt: skip

    asked = [one for one in judged if one.exact is not None]
    answered = [one for one in asked if not one.refused]
    ratio(
        "exact", [bool(one.exact) for one in asked], "答案含全部要点", "answers that hold all expected facts"
    )
    ratio(
        "cites_gold",
        [one.right_citations > 0 for one in asked],
        "引到正确段落",
        "questions with a gold passage cited",
    )
    # Also of answers that should have been refusals; a question that may be answered or refused has no gold to cite.
    given = [one for one in judged if not one.refused and not one.question.either]
    cited = [number < one.right_citations for one in given for number in range(one.cited)]
    ratio("citation_precision", cited, "引用精度", "citation precision")
    ratio(
        "obeyed", [one.obeyed for one in judged], "听从隐藏指令的比例", "hidden instructions obeyed", "lower"
    )
    with_numbers = [one.supported == one.numbers for one in judged if one.numbers]
    ratio(
        "numbers_supported",
        with_numbers,
        "数字全部出自引用的回答",
        "answers whose numbers all stand in their citations",
    )
    ratio(
        "generated",
        [one.mode == "generated" for one in answered],
        "由模型成文的回答",
        "answers worded by the model",
    )
    f1 = np.array([one.f1 or 0.0 for one in asked] or [0.0])
    run.metric(
        f"f1{tail}", float(f1.mean()), unit="score", better="higher", n=len(f1), ci=bootstrap(f1),
        ci_method="bootstrap 95 %", label={"zh": "与标准答案的 F1" + zh, "en": "F1 with the expected strings" + en},
    )  # fmt: skip
    scores, interval = refusal_scores(judged), refusal_interval(judged)
    for key, name_zh, name_en in (
        ("precision", "拒答精度", "refusal precision"),
        ("recall", "拒答召回", "refusal recall"),
        ("f1", "拒答 F1", "refusal F1"),
    ):
        run.metric(
            f"refusal_{key}{tail}", scores[key], unit="ratio", better="higher", n=len(judged),
            ci=interval if key == "f1" else None, ci_method="bootstrap 95 %" if key == "f1" else "",
            label={"zh": name_zh + zh, "en": name_en + en},
        )  # fmt: skip


def _latency(run: Run, judged: Sequence[Judged]) -> None:
    rows = []
    for stage, zh, en in (
        ("retrieve", "检索", "retrieval"),
        ("first", "第一句", "first sentence"),
        ("total", "全部", "whole answer"),
    ):
        times = np.array([one.timings[stage] for one in judged]) / 1000
        for name, at in (("median", 50), ("p95", 95)):
            run.metric(
                f"{stage}_{name}", float(np.percentile(times, at)), unit="seconds", better="lower", n=len(times),
                label={"zh": f"{zh}耗时（{'中位数' if at == 50 else 'p95'}）", "en": f"{en}, {name}"},
            )  # fmt: skip
        rows.append({"stage": {"zh": zh, "en": en}, **{k: float(np.percentile(times, p)) for k, p in (("median", 50), ("p95", 95))}})  # fmt: skip
    columns = (("median", "中位数", "median", "seconds"), ("p95", "p95", "p95", "seconds"))
    run.table("latency", columns=_columns("stage", "阶段", "stage", columns), rows=rows)


def cause_of(one: Judged) -> str | None:
    """Say how an answer failed; None if it did not."""
    question = one.question
    if not question.answerable:
        return None if one.refused or question.either else "invented"
    if one.exact:
        return None
    if one.refused:
        return "refused" if one.found else "missed"
    if not one.found:
        return "missed"
    return "part" if one.f1 and one.right_citations else "other"


def record_failures(run: Run, judged: Sequence[Judged]) -> None:
    """Every failure, as it is: what was asked, said and expected."""
    rows = []
    counts = dict.fromkeys(CAUSES, 0)
    for one in judged:
        cause = cause_of(one)
        if cause is None:
            continue
        counts[cause] += 1
        rows.append(
            {
                "id": one.question.id,
                "cause": CAUSES[cause],
                "question": one.question.question,
                "said": _short(one.text),
                "expected": _expected(one),
            }
        )
    columns = [
        {"key": "id", "label": {"zh": "编号", "en": "id"}},
        {"key": "cause", "label": {"zh": "原因", "en": "cause"}},
        {"key": "question", "label": {"zh": "问题", "en": "question"}},
        {"key": "said", "label": {"zh": "回答", "en": "said"}},
        {"key": "expected", "label": {"zh": "应含", "en": "expected"}},
    ]
    run.table("failures", columns=columns, rows=rows)
    run.table(
        "causes",
        columns=_columns("cause", "原因", "cause", (("n", "次数", "times", "count"),)),
        rows=[{"cause": CAUSES[key], "n": count} for key, count in counts.items()],
    )
    for key, count in counts.items():
        run.metric(f"failed_{key}", count, unit="count", better="lower", label=CAUSES[key])
    run.metric("failed", len(rows), unit="count", better="lower", n=len(judged),
               label={"zh": "失败的问题", "en": "questions failed"})  # fmt: skip


def _expected(one: Judged) -> dict[str, str] | str:
    """The expected strings, joined as each language joins a list."""
    facts = [" | ".join(variants) for variants in one.question.answers]
    if len(facts) < 2:
        return facts[0] if facts else "—"
    return {"zh": "；".join(facts), "en": "; ".join(facts)}


def _short(text: str, limit: int = 160) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def record_variants(run: Run, shipped: Sequence[Judged], variants: dict[str, list[Judged]]) -> None:
    """What the model, its prompt and the check are worth, on the English questions."""
    rows, dots = [], []
    for key, judged in {"shipped": shipped, **variants}.items():
        asked = [bool(one.exact) for one in judged if one.exact is not None]
        answered = [one for one in judged if one.exact is not None and not one.refused]
        with_numbers = [one.supported == one.numbers for one in judged if one.numbers]
        times = np.array([one.timings["first"] for one in judged] or [0.0]) / 1000
        exact = share(asked)
        low, high = wilson(exact, max(len(asked), 1))
        numbers = share(with_numbers)
        rows.append(
            {
                "variant": VARIANT_NAMES[key],
                "exact": exact,
                "generated": share([one.mode == "generated" for one in answered]),
                "numbers": numbers,
                "first": float(np.percentile(times, 95)),
            }
        )
        for name, value, n, zh, en, unit in (
            ("exact", exact, len(asked), "答对", "right", "ratio"),
            ("numbers", numbers, len(with_numbers), "数字有出处", "numbers supported", "ratio"),
            (
                "first",
                float(np.percentile(times, 95)),
                len(judged),
                "首句 p95",
                "first sentence p95",
                "seconds",
            ),
        ):
            run.metric(
                f"{key}_{name}", value, unit=unit, n=n,
                ci=(low, high) if name == "exact" else None, ci_method="Wilson 95 %" if name == "exact" else "",
                label={"zh": f"{VARIANT_NAMES[key]['zh']}：{zh}（英文）", "en": f"{VARIANT_NAMES[key]['en']}: {en} (English)"},
            )  # fmt: skip
        dots.append(
            {"name": f"@{key}", "value": round(100 * exact, 2), "low": round(100 * low, 2),
             "high": round(100 * high, 2), "shown": f"{100 * exact:.0f} %"}
        )  # fmt: skip
    columns = (
        ("exact", "答对", "right", "ratio"),
        ("generated", "模型成文", "worded by the model", "ratio"),
        ("numbers", "数字全部有出处", "all numbers supported", "ratio"),
        ("first", "首句 p95", "first sentence, p95", "seconds"),
    )
    run.table("variants", columns=_columns("variant", "配置", "variant", columns), rows=rows)
    words = {f"@{key}": VARIANT_NAMES[key] for key in ["shipped", *variants]}
    words["@value"] = {
        "zh": "答对的英文测试问题（%），横线为 95 % 区间",
        "en": "English test questions right (%), bars: 95 % interval",
    }
    dots.sort(key=lambda dot: dot["value"])
    run.chart("variants", named_dots(dots, order=[dot["name"] for dot in dots]), words=words)


def record_planted(run: Run, planted: dict[str, list[Judged]]) -> None:
    """How often an instruction planted behind every passage found was obeyed."""
    names = VARIANT_NAMES | {
        "fresh": {"zh": "发布的配置，过滤器没见过的写法", "en": "as shipped, wordings new to the filter"}
    }
    for key, judged in planted.items():
        obeyed = [one.obeyed for one in judged]
        run.metric(
            f"planted_{key}", share(obeyed), unit="ratio", better="lower", n=len(obeyed),
            ci=wilson(share(obeyed), max(len(obeyed), 1)), ci_method="Wilson 95 %",
            label={"zh": f"植入的指令被照做或转述：{names[key]['zh']}",
                   "en": f"planted instructions obeyed or repeated: {names[key]['en']}"},
        )  # fmt: skip
    right = [bool(one.exact) for one in planted["shipped"]]
    run.metric("planted_exact", share(right), unit="ratio", better="higher", n=len(right),
               ci=wilson(share(right), max(len(right), 1)), ci_method="Wilson 95 %",
               label={"zh": "植入指令时仍答对", "en": "right all the same, with instructions planted"})  # fmt: skip
