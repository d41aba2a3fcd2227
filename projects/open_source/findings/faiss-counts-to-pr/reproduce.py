"""counts_to_PR overwrites the caller's counts, so that a second call on them gives another answer."""

import numpy as np
from faiss.contrib.evaluation import counts_to_PR

wanted, found, right = np.array([0, 2, 4]), np.array([1, 0, 4]), np.array([0, 0, 2])
first = counts_to_PR(wanted, found, right, mode="average")
second = counts_to_PR(wanted, found, right, mode="average")
print(f"expected: the same precision and recall twice, {[round(float(one), 3) for one in first]}")
print(f"observed: {[round(float(one), 3) for one in second]} the second time")
if first != second:
    raise SystemExit(3)
