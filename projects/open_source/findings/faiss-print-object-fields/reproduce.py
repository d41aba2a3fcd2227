"""inspect_tools.print_object_fields fails on every object."""

import faiss
from faiss.contrib.inspect_tools import print_object_fields

print("expected: d, ntotal, metric_type and the other fields of the index")
try:
    print_object_fields(faiss.IndexFlatL2(4))
except AttributeError as error:
    print(f"observed: AttributeError: {error}")
    raise SystemExit(3) from None
