"""ClientIndex merges the shards of an inner-product index from the wrong end."""

import faiss
import numpy as np
from faiss.contrib import client_server

vectors = np.random.RandomState(0).rand(40, 8).astype("float32")
whole = faiss.IndexFlatIP(8)
whole.add(vectors)
servers = []
for part in np.split(np.arange(40), 2):
    shard = faiss.index_factory(8, "IVF1,Flat", faiss.METRIC_INNER_PRODUCT)
    shard.train(vectors)
    shard.add_with_ids(vectors[part], part)
    servers.append(client_server.SearchServer(None, shard))
client_server.rpc.Client = lambda host, port, v6: servers[port]  # the same calls, without sockets
client = client_server.ClientIndex([("", 0), ("", 1)])
expected, observed = (index.search(vectors[:3], 3)[1] for index in (whole, client))
print(f"expected: {expected.tolist()}, as one index finds them")
print(f"observed: {observed.tolist()}")
if not np.array_equal(expected, observed):
    raise SystemExit(3)
