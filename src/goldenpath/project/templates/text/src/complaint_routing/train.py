"""The training that `goldenpath build` runs: from the pinned data to a model and its evidence."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression

from complaint_routing.sentence_graph import (
    EMBEDDING,
    SentenceGraph,
    model_folder,
    token_rows,
    with_head,
)

DESKS = ("cards", "loans", "payments")
"""In the order of the probabilities, which is that of scikit-learn: sorted."""
EVALUATION_SHARE = 0.4
ROWS_AT_ONCE = 32


def train(
    data: Mapping[str, Path],
    output: Path,
    parameters: Mapping[str, bool | int | float | str],
    seed: int,
) -> None:
    """Fit the head, and write the graph, its tokenizer and both tables into `output`.

    `sample`, if above 0, trains and evaluates on that many messages only.
    """
    table = pq.read_table(data["messages"])
    order = np.random.default_rng(seed).permutation(table.num_rows)
    cut = round(table.num_rows * EVALUATION_SHARE)
    training, evaluation = table.take(np.sort(order[cut:])), table.take(np.sort(order[:cut]))
    if sample := int(parameters.get("sample", 0)):
        training, evaluation = training.slice(0, sample), evaluation.slice(0, sample)
    folder = model_folder()
    graph = SentenceGraph(folder)
    graph.sentence()
    encoder = graph.render(EMBEDDING, graph.width)
    known = scored(encoder, training["message"].to_pylist(), folder)
    head = LogisticRegression(C=float(parameters["strength"]), max_iter=1000)
    head.fit(known, training["desk"].to_pylist())
    model = with_head(graph, head.coef_.T, head.intercept_)
    (output / "model.onnx").write_bytes(model)
    shutil.copyfile(folder / "tokenizer.json", output / "tokenizer.json")
    _write(output / "reference.parquet", training, head.predict_proba(known))
    unseen = scored(encoder, evaluation["message"].to_pylist(), folder)
    _write(output / "evaluation.parquet", evaluation, head.predict_proba(unseen))


def scored(content: bytes, texts: Sequence[str], folder: Path) -> np.ndarray:
    """Return what a graph gives for texts; those of about one length go together."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    order = np.argsort([len(text) for text in texts], kind="stable")
    parts = []
    for start in range(0, len(texts), ROWS_AT_ONCE):
        rows = token_rows([texts[place] for place in order[start : start + ROWS_AT_ONCE]], folder)
        parts.append(session.run(None, rows)[0])
    return np.concatenate(parts)[np.argsort(order)]


def _write(path: Path, table: pa.Table, scores: np.ndarray) -> None:
    columns = {
        "key": table["number"],
        "target": table["desk"],
        "score": pa.array(scores.tolist()),
        "channel": table["channel"],
        "message": table["message"],
    }
    pq.write_table(pa.table(columns), path, compression="zstd")
