"""TrainingArguments.set_logging switches the NaN filter off, though its docstring says it stays on."""

import sys

sys.modules["torch"] = None  # not needed for this, and importing it takes longer than all the rest

from transformers.training_args import TrainingArguments  # noqa: E402

args = object.__new__(TrainingArguments)  # as TrainingArguments(…) with every default, without torch
before = args.logging_nan_inf_filter, args.log_on_each_node
args.set_logging(steps=100)
after = args.logging_nan_inf_filter, args.log_on_each_node
print(f"expected: {before}, the documented defaults of set_logging and of the class")
print(f"observed: {after} after set_logging(steps=100)")
if after != before:
    raise SystemExit(3)
