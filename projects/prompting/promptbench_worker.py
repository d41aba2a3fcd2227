"""Runs PromptBench's own attacks in PromptBench's environment: a task as JSON on stdin, results as JSON in a file.

  OPENAI_BASE_URL=http://127.0.0.1:…/v1 build/promptbench/bin/python -m projects.prompting.promptbench_worker OUT

Uses PromptBench's OpenAI client, its attacks and its accuracy; asks whatever server OPENAI_BASE_URL names.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

from projects.prompting.scoring import LABELS, label_said


class Sentences(list):
    """What PromptBench's attacks want of a data set: rows, and the name its semantic prompts go by."""

    dataset_name = "sst2"


def main() -> None:
    """Attack the prompt by every method that is asked for."""
    import numpy as np
    import promptbench
    from promptbench.prompt_attack import attack as attacking
    from promptbench.prompts.semantic_atk_prompts import SEMANTIC_ADV_PROMPT_SET

    task: dict[str, Any] = json.load(sys.stdin)
    random.seed(task["seed"])  # DeepWordBug draws letters
    np.random.seed(task["seed"])
    model = promptbench.LLMModel(
        "gpt-4",
        max_new_tokens=task["max_tokens"],
        temperature=0.0,
        api_key="none",
        system_prompt=task["system"],
    )  # the name must be one that PromptBench knows; the server behind the address decides who answers
    rows = Sentences(zip(task["sentences"], task["labels"], strict=True))

    scored: set[str] = set()

    def score(prompt: str, rows: Sentences, model: Any) -> float:
        scored.add(prompt)
        said = [label_said(model(f"{prompt}\nSentence: {text}\nAnswer:")) for text, _ in rows]
        names = ["none" if label is None else LABELS[label] for label in said]
        return promptbench.Eval.compute_cls_accuracy(names, [LABELS[label] for _, label in rows])

    found = {}
    for attack, budget in task["attacks"].items():
        scored.clear()
        if attack == "semantic":  # asks every prompt of the package: keep the first ones of each language
            prompts = SEMANTIC_ADV_PROMPT_SET["sst2"]
            SEMANTIC_ADV_PROMPT_SET["sst2"] = {lang: some[:budget] for lang, some in prompts.items()}
        else:
            # not the package's own attack_config: `from .__init__ import` gave the module a second one
            attacking.attack_config["goal_function"]["query_budget"] = budget
        reported = attacking.Attack(
            model, attack, rows, task["prompt"], score, ["positive", "negative", "sentence"], verbose=False
        ).attack()
        if attack == "semantic":
            worst = min(reported, key=reported.__getitem__)
            prompt, accuracy = worst.strip(), reported[worst]
        else:
            prompt, accuracy = reported["attacked prompt"], reported["attacked score"]
        found[attack] = {"prompt": prompt, "accuracy": accuracy, "tried": len(scored)}
    Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
