"""Seq2SeqTrainer.predict documents a default prefix that it does not have."""

import ast
import re
from importlib.util import find_spec
from pathlib import Path

source = Path(find_spec("transformers").origin).with_name("trainer_seq2seq.py").read_text(encoding="utf-8")
methods = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
predict = next(node for node in methods if node.name == "predict")
defaults = dict(
    zip(
        [one.arg for one in predict.args.args][-len(predict.args.defaults) :],
        predict.args.defaults,
        strict=True,
    )
)
real = ast.literal_eval(defaults["metric_key_prefix"])
said = re.search(r"metric_key_prefix \(.*defaults to `\"(\w+)\"`\)", ast.get_docstring(predict)).group(1)
print(f"expected: the docstring names the default {real!r}")
print(f"observed: it says {said!r}")
if said != real:
    raise SystemExit(3)
