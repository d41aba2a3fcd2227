"""The e5 encoder as ONNX with its own 4-bit weights, for onnxruntime here and in the reader's browser.

The graph is BERT's (Devlin et al. 2019) with the mean over tokens and unit length that E5 wants (Wang et al. 2024,
section 3); matrices stay in 4 bits by the operators `GatherBlockQuantized` and `MatMulNBits` of onnxruntime.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from projects.rag.e5_file import BLOCK, Encoder, Quantised

OPSET, CONTRIBUTED = 17, "com.microsoft"


class _Graph:
    """Nodes and constants in the order in which they are added; names are numbers."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def add(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        from onnx import helper

        names = [f"n{len(self.nodes)}.{at}" for at in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def linear(self, given: str, weights: Quantised | np.ndarray, bias: np.ndarray) -> str:
        """`given` (tokens, columns) times the transposed matrix, plus the bias: (tokens, rows)."""
        if isinstance(weights, np.ndarray):
            return str(
                self.add("Add", self.add("MatMul", given, self.constant(weights.T)), self.constant(bias))
            )
        rows, blocks = weights.scales.shape
        product = self.add(
            "MatMulNBits", given, self.constant(weights.nibbles), self.constant(weights.scales.astype(np.float32).ravel()),
            domain=CONTRIBUTED, K=blocks * BLOCK, N=rows, bits=4, block_size=BLOCK,
        )  # fmt: skip
        return str(self.add("Add", product, self.constant(bias)))

    def normalised(self, given: str, scale: np.ndarray, bias: np.ndarray, epsilon: float) -> str:
        """Layer normalisation over the width."""
        return str(
            self.add(
                "LayerNormalization", given, self.constant(scale), self.constant(bias),
                axis=-1, epsilon=float(epsilon),
            )
        )  # fmt: skip


def build_onnx(encoder: Encoder, rows: np.ndarray) -> Any:
    """A model from `ids` (tokens,), int64, into `vector` (width,), float32; ids count within the vocabulary `rows`."""
    from onnx import TensorProto, checker, helper

    graph, tensors = _Graph(), encoder.tensors
    words = encoder.words.take(rows)
    count = len(words.scales)
    looked_up = graph.add(
        "GatherBlockQuantized", graph.constant(words.nibbles.reshape(count, -1)), "ids", graph.constant(words.scales),
        domain=CONTRIBUTED, bits=4, block_size=BLOCK, gather_axis=0, quantize_axis=1,
    )  # fmt: skip
    hidden = graph.add("Cast", looked_up, to=TensorProto.FLOAT)
    # Every text is of the same type, whose vector is therefore added to the positions once and for all.
    places = tensors["emb.pos"].reshape(-1, encoder.width) + tensors["emb.type"][: encoder.width]
    size = graph.add("Shape", "ids")
    zero = graph.constant(np.array([0]))
    hidden = graph.add(
        "Add", hidden, graph.add("Slice", graph.constant(places.astype(np.float32)), zero, size, zero)
    )
    hidden = graph.normalised(hidden, tensors["emb.ln.w"], tensors["emb.ln.b"], encoder.epsilon)
    head = encoder.width // encoder.heads
    split = graph.constant(np.array([0, 3, encoder.heads, head]))
    merged = graph.constant(np.array([0, encoder.width]))
    scale = graph.constant(np.array(1 / np.sqrt(head), dtype=np.float32))
    for at in range(encoder.layers):
        hidden = _layer(graph, encoder, f"l{at}.", hidden, split, merged, scale)
    mean = graph.add("ReduceMean", hidden, axes=[0], keepdims=0)
    length = graph.add("ReduceL2", mean, axes=[0], keepdims=1)
    graph.nodes.append(helper.make_node("Div", [mean, length], ["vector"]))
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["tokens"])
    vector = helper.make_tensor_value_info("vector", TensorProto.FLOAT, [encoder.width])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "e5", [ids], [vector], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIBUTED, 1)],
        ir_version=9,
        producer_name="verifolio",
    )
    checker.check_model(model)
    return model


def _layer(
    graph: _Graph, encoder: Encoder, name: str, hidden: str, split: str, merged: str, scale: str
) -> str:
    """One layer: attention, then the inner layer with GELU, each added to what came in and normalised."""
    tensors, matrices = encoder.tensors, encoder.matrices
    together = _stacked([matrices[f"{name}{one}.w"] for one in "qkv"])
    biases = np.concatenate([tensors[f"{name}{one}.b"] for one in "qkv"])
    apart = graph.add("Reshape", graph.linear(hidden, together, biases), split)  # (tokens, 3, heads, head)
    apart = graph.add("Transpose", apart, perm=[1, 2, 0, 3])
    queries, keys, values = (
        graph.add("Gather", apart, graph.constant(np.array(at)), axis=0) for at in range(3)
    )
    queries = graph.add("Mul", queries, scale)
    keys = graph.add("Transpose", keys, perm=[0, 2, 1])
    shares = graph.add("Softmax", graph.add("MatMul", queries, keys), axis=-1)  # (heads, tokens, tokens)
    heard = graph.add("MatMul", shares, values)
    heard = graph.add("Reshape", graph.add("Transpose", heard, perm=[1, 0, 2]), merged)
    heard = graph.linear(heard, matrices[f"{name}ao.w"], tensors[f"{name}ao.b"])
    hidden = graph.normalised(
        graph.add("Add", hidden, heard), tensors[f"{name}aln.w"], tensors[f"{name}aln.b"], encoder.epsilon
    )
    inner = graph.linear(hidden, matrices[f"{name}fi.w"], tensors[f"{name}fi.b"])
    inner = graph.add("Gelu", inner, domain=CONTRIBUTED)
    inner = graph.linear(inner, matrices[f"{name}fo.w"], tensors[f"{name}fo.b"])
    return graph.normalised(
        graph.add("Add", hidden, inner), tensors[f"{name}oln.w"], tensors[f"{name}oln.b"], encoder.epsilon
    )


def _stacked(parts: Sequence[Quantised | np.ndarray]) -> Quantised | np.ndarray:
    """Matrices of one kind, in 4 bits or plain, one below the other."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return Quantised(
        np.concatenate([one.nibbles for one in parts]), np.concatenate([one.scales for one in parts])
    )
