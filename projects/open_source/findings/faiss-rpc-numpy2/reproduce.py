"""With NumPy 2 the RPC layer refuses to read the very arrays that it sends."""

import io
import pickle

import numpy as np
from faiss.contrib.rpc import RestrictedUnpickler

sent = pickle.dumps(("search", (np.zeros((1, 4), dtype="float32"), 3)), protocol=4)  # as Client.generic_fun
print("expected: the query comes back as it was sent")
try:
    name, (query, k) = RestrictedUnpickler(io.BytesIO(sent)).load()
except pickle.UnpicklingError as error:
    print(f"observed: UnpicklingError: {error} (NumPy {np.__version__})")
    raise SystemExit(3) from None
print(f"observed: {name}, shape {query.shape}, k {k}")
