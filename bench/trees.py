"""An ONNX graph of boosted trees, the usual kind of credit model, written by hand.

200 balanced trees of 31 splits, drawn at random: their cost is that of trained ones, and no
training library is needed to make them.
"""

import numpy as np
from tests.serve.onnx_graph import attribute, graph, node

TREES, DEPTH = 200, 5


def boosted_trees(width: int, seed: int) -> bytes:
    """`probability` of shape `(n, 1)` from `features` of shape `(n, width)`."""
    random = np.random.default_rng(seed)
    inner, leaves = 2**DEPTH - 1, 2**DEPTH
    size = inner + leaves
    numbers = np.tile(np.arange(size), TREES)
    is_inner = numbers < inner
    total = TREES * size
    left = np.where(is_inner, 2 * numbers + 1, 0)
    right = np.where(is_inner, 2 * numbers + 2, 0)
    leaf = ~is_inner
    tree = np.repeat(np.arange(TREES), size)
    modes = [b"BRANCH_LEQ" if each else b"LEAF" for each in is_inner]
    ensemble = node(
        "TreeEnsembleRegressor",
        ["features"],
        ["logit"],
        [
            attribute("n_targets", 1),
            attribute("nodes_treeids", tree),
            attribute("nodes_nodeids", numbers),
            attribute("nodes_featureids", random.integers(0, width, total)),
            attribute("nodes_modes", modes),
            attribute("nodes_values", random.normal(0, 1, total).astype(np.float32)),
            attribute("nodes_truenodeids", left),
            attribute("nodes_falsenodeids", right),
            attribute("target_treeids", tree[leaf]),
            attribute("target_nodeids", numbers[leaf]),
            attribute("target_ids", np.zeros(TREES * leaves, np.int64)),
            attribute("target_weights", random.normal(0, 0.05, TREES * leaves).astype(np.float32)),
        ],
        domain="ai.onnx.ml",
    )
    return graph([ensemble, node("Sigmoid", ["logit"], ["probability"])], width)
