"""The properties of the training that the platform relies on."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from complaint_routing.sentence_graph import EMBEDDING, SentenceGraph, model_folder
from complaint_routing.train import scored, train

DATA = {"messages": Path(__file__).parents[1] / "data" / "messages.parquet"}


def test_the_graph_gives_the_probabilities_of_the_training(tmp_path: Path) -> None:
    train(DATA, tmp_path, {"strength": 10.0, "sample": 60}, seed=1)

    table = pq.read_table(tmp_path / "evaluation.parquet")
    content = (tmp_path / "model.onnx").read_bytes()
    given = scored(content, table["message"].to_pylist(), tmp_path)
    assert np.abs(given - np.array(table["score"].to_pylist())).max() < 1e-5


def test_sentences_of_one_meaning_are_near() -> None:
    graph = SentenceGraph(model_folder())
    graph.sentence()
    texts = ["My card was stolen.", "Somebody took my credit card.", "The rate of my mortgage."]

    first, second, other = scored(graph.render(EMBEDDING, graph.width), texts, model_folder())

    assert first @ second > 0.6 > 0.4 > first @ other
