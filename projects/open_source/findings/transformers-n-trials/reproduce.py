"""Trainer.hyperparameter_search documents five times as many trials as it runs."""

import ast
import re
from importlib.util import find_spec
from pathlib import Path

source = Path(find_spec("transformers").origin).with_name("trainer.py").read_text(encoding="utf-8")
methods = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
search = next(node for node in methods if node.name == "hyperparameter_search")
defaults = dict(
    zip(
        [one.arg for one in search.args.args][-len(search.args.defaults) :], search.args.defaults, strict=True
    )
)
real = ast.literal_eval(defaults["n_trials"])
said = int(re.search(r"n_trials \(.*defaults to (\d+)\)", ast.get_docstring(search)).group(1))
print(f"expected: the docstring names the default {real}")
print(f"observed: it says {said}")
if said != real:
    raise SystemExit(3)
