"""The example in RepeatTimer's docstring calls methods that do not exist."""

import re

from faiss.contrib.evaluation import RepeatTimer

timer = RepeatTimer(warmup=1, nt=1, runs=6)
for _ in timer:
    pass
example = re.search(r"^ *(print\(.*\))$", RepeatTimer.__doc__, re.MULTILINE).group(1)
print(f"expected: the docstring's own line runs: {example}")
try:
    exec(example, {"timer": timer})
except AttributeError as error:
    print(f"observed: AttributeError: {error}")
    raise SystemExit(3) from None
