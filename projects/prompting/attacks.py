"""Experiment: PromptBench's attacks on our prompt: what its search finds, and what is left of it on fresh sentences."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.prompting.ask import Asker, Asks, embedded, user
from projects.prompting.charts import record_dots
from projects.prompting.gate import serve_asker
from projects.prompting.scoring import label_said
from projects.prompting.tables import column, record_points, record_share

if TYPE_CHECKING:
    from verifolio.record import Run

SYSTEM = "You are a helpful assistant."
PROMPT = "Classify the sentiment of the sentence. Answer with one word, positive or negative."
MAX_TOKENS = 8
NAMES = {
    "deepwordbug": {"zh": "字符：DeepWordBug", "en": "characters: DeepWordBug"},
    "checklist": {"zh": "句子：CheckList（加乱码）", "en": "sentence: CheckList (random string)"},
    "stresstest": {
        "zh": "句子：StressTest（加“true is true”）",
        "en": "sentence: StressTest (‘true is true’)",
    },
    "semantic": {"zh": "语义：换一种说法", "en": "meaning: put another way"},
}
STAND_INS = {
    "deepwordbug": [PROMPT.replace("Classify", "Cl assify"), PROMPT.replace("sentence", "sentnece")],
    "checklist": [PROMPT + " d6ZQ3u0GBQ"],
    "stresstest": [PROMPT + " and true is true"],
    "semantic": ["Is the sentence positive or negative?"],
}
"""Perturbations of our own for a machine without PromptBench's environment (the smoke profile says so)."""


def run_attacks(run: Run) -> None:
    """Ask the embedded model."""
    with embedded(run) as asker:
        measure_attacks(run, asker)


def measure_attacks(run: Run, asker: Asks) -> None:
    """Search on few sentences, as PromptBench does, then judge the finds on others that no search has seen."""
    params = run.params
    texts, labels = load_sentences(run.input("imdb"), params["search"] + params["fresh"], run.seed)
    cut = params["search"]
    found = (search if params["promptbench"] and isinstance(asker, Asker) else stand_in)(
        run, asker, texts[:cut], labels[:cut]
    )
    start = np.array(said(asker, PROMPT, texts[:cut])) == labels[:cut]
    fresh, truth = texts[cut:], labels[cut:]
    replies = {"ours": np.array(said(asker, PROMPT, fresh))}
    for key, one in found.items():
        replies[key] = np.array(said(asker, one["prompt"], fresh))
        run.progress(len(replies) - 1, len(found), "fresh sentences")
    right = {key: values == truth for key, values in replies.items()}
    rows = []
    record_share(run, "ours_search", start, "我们的提示，搜索用的句子", "our prompt, sentences of the search")
    record_share(run, "ours", right["ours"], "我们的提示，新句子", "our prompt, fresh sentences")
    rows.append({"attack": {"zh": "不攻击", "en": "none"}, "prompt": PROMPT, "search": float(start.mean()),
                 "fresh": float(right["ours"].mean()), "unreadable": float((replies["ours"] < 0).mean())})  # fmt: skip
    for key, one in found.items():
        name = NAMES[key]
        rows.append({"attack": name, "prompt": one["prompt"], "search": one["accuracy"],
                     "fresh": float(right[key].mean()), "unreadable": float((replies[key] < 0).mean())})  # fmt: skip
        record_share(
            run,
            key,
            right[key],
            f"受攻击后，新句子：{name['zh']}",
            f"attacked, fresh sentences: {name['en']}",
        )
        record_points(run, f"{key}_change", right[key].astype(float) - right["ours"], f"新句子上的变化：{name['zh']}",
                      f"change on fresh sentences: {name['en']}")  # fmt: skip
        run.metric(
            f"{key}_search_change", 100 * (one["accuracy"] - float(start.mean())), unit="points", better="higher",
            n=cut, label={"zh": f"搜索时的变化：{name['zh']}", "en": f"change during the search: {name['en']}"},
        )  # fmt: skip
    run.metric("prompts_tried", sum(one["tried"] for one in found.values()), unit="count",
               label={"zh": "试过的提示", "en": "prompts tried"})  # fmt: skip
    run.table(
        "attacks",
        columns=[
            column("attack", "攻击", "attack"), column("prompt", "攻击后的提示", "prompt after the attack"),
            column("search", "搜索时", "during the search", "ratio"),
            column("fresh", "新句子", "fresh sentences", "ratio"),
            column("unreadable", "无法解析", "unreadable", "ratio"),
        ],
        rows=rows,
    )  # fmt: skip
    record_dots(
        run, "attacks", right, {"ours": {"zh": "不攻击", "en": "no attack"}, **NAMES},
        "新句子上的准确率（%）", "accuracy on fresh sentences (%)",
    )  # fmt: skip


def search(run: Run, asker: Asks, texts: list[str], labels: np.ndarray) -> dict[str, dict[str, Any]]:
    """PromptBench's own search, in its own environment, through the gate."""
    python = run.root / "build" / "promptbench" / "bin" / "python"
    if not python.is_file():
        raise FileNotFoundError(
            f"{python} is missing: `python scripts/promptbench_env.py` makes PromptBench's environment"
        )
    out = run.work / "found.json"
    task = {"prompt": PROMPT, "system": SYSTEM, "max_tokens": MAX_TOKENS, "sentences": texts,
            "labels": labels.tolist(), "attacks": run.params["attacks"], "seed": run.seed}  # fmt: skip
    with serve_asker(asker) as address:
        environment = {**os.environ, "OPENAI_BASE_URL": address, "PYTHONPATH": str(run.root), "HF_HUB_OFFLINE": "1",
                       "OMP_NUM_THREADS": "1", "NLTK_DATA": str(python.parents[1] / "nltk_data")}  # fmt: skip
        done = subprocess.run(
            [str(python), "-m", "projects.prompting.promptbench_worker", str(out)],
            input=json.dumps(task), env=environment, cwd=run.root, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"PromptBench failed:\n{done.stderr[-2000:]}")
    return json.loads(out.read_text("utf-8"))


def stand_in(run: Run, asker: Asks, texts: list[str], labels: np.ndarray) -> dict[str, dict[str, Any]]:
    """The worst of a few perturbations of our own; not PromptBench, and never published."""
    run.say("PromptBench's environment is not asked for: perturbations of our own instead")
    found = {}
    for key, prompts in STAND_INS.items():
        shares = [float((np.array(said(asker, prompt, texts)) == labels).mean()) for prompt in prompts]
        worst = int(np.argmin(shares))
        found[key] = {"prompt": prompts[worst], "accuracy": shares[worst], "tried": len(prompts)}
    return found


def said(asker: Asks, prompt: str, texts: list[str]) -> list[int]:
    """The label said of each sentence; -1 for none or both."""
    replies = [
        asker.ask(user(f"{prompt}\nSentence: {text}\nAnswer:", SYSTEM), max_tokens=MAX_TOKENS).text
        for text in texts
    ]
    return [-1 if (label := label_said(reply)) is None else label for reply in replies]


def load_sentences(path: Path, count: int, seed: int, words: int = 14) -> tuple[list[str], np.ndarray]:
    """Short Rotten Tomatoes sentences (SST-2 was made from these), half of either class, with labels (n,)."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["source"] != "imdb" and len(row["text"].split()) <= words
        ]
    labels = np.array([int(row["label"]) for row in rows])
    draw = np.random.default_rng(seed)
    halves = [draw.permutation(np.flatnonzero(labels == label))[: -(-count // 2)] for label in (0, 1)]
    chosen = np.stack(halves, axis=1).ravel()[:count]  # alternating, so that both parts are balanced
    return [rows[i]["text"] for i in chosen], labels[chosen]
