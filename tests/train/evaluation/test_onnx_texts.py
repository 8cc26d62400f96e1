"""Graphs that take texts or tokens, and graphs whose weights lie in a file beside them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Contract, Feature
from goldenpath.project.task.feature_parts import expanded
from goldenpath.project.task.text_parts import packed, unpacked
from goldenpath.serve.model.model import OnnxModel
from goldenpath.serve.protocol.inputs import InputRules
from goldenpath.train.evaluation.golden import make_golden, rows_of_golden
from goldenpath.train.evaluation.onnx_graph import OnnxGraph
from goldenpath.train.evaluation.robustness import Trial, robustness
from goldenpath.train.evaluation.score import Numbers, Table, open_model, rows_of
from tests.project.task.test_answer_rules import PROBABILITY
from tests.serve.onnx_graph import (
    FLOAT,
    INT64,
    STRING,
    attribute,
    graph,
    logistic_regression,
    node,
    whole_numbers,
)
from tests.serve.running import CONTRACT
from tests.train.evaluation.tokenizer_file import tokenizer_file


def contract_of(*declared: dict[str, object]) -> Contract:
    parts = [part for one in declared for part in expanded(one)]
    return replace(PROBABILITY, features=tuple(Feature(**part) for part in parts))  # type: ignore[arg-type]


NOTE: dict[str, object] = {"name": "note", "kind": "text", "bytes": 30, "missing": True}
TEXT = contract_of(NOTE)
BESIDE = contract_of({"name": "amount", "kind": "number"}, NOTE)
TOKENIZER = {"tokenizer.json": tokenizer_file()}
TEXTS = ["my card was stolen", None, "card", "my card was stolen , my card was stolen"]
ROWS = packed(TEXTS[:3], 10).astype(np.float32)


def lengths_of_tokens(inputs: dict[str, int] | None = None, *, tokens: int = 0) -> bytes:
    """Gives the number of tokens of each row, plus the amount if there is one."""
    names = {"input_ids": INT64, "attention_mask": INT64} if inputs is None else inputs
    nodes = [
        node("ReduceSum", ["attention_mask", "axis"], ["sum"], [attribute("keepdims", 1)]),
        node("Cast", ["sum"], ["probability"], [attribute("to", FLOAT)]),
    ]
    if "amount" in names:
        nodes[1] = node("Cast", ["sum"], ["number"], [attribute("to", FLOAT)])
        nodes.append(node("Add", ["number", "amount"], ["probability"]))
    wide = {name: tokens for name in names if name != "amount"}
    return graph(nodes, 1, [whole_numbers("axis", [1])], inputs=names, widths=wide)


def test_a_graph_of_texts_gets_the_texts() -> None:
    labels = [
        attribute("keys_strings", [b"my card was stolen", b"card", b""]),
        attribute("values_floats", np.array([0.1, 0.2, 0.3], np.float32)),
    ]
    content = graph([node("LabelEncoder", ["note"], ["probability"], labels, "ai.onnx.ml")], 1,
                    inputs={"note": STRING})  # fmt: skip

    numbers = OnnxGraph(content, TEXT, "it").run(ROWS)

    assert numbers.ravel().tolist() == pytest.approx([0.1, 0.3, 0.2])


def test_a_transformer_gets_the_tokens_of_its_tokenizer() -> None:
    graph_of_tokens = OnnxGraph(lengths_of_tokens(), TEXT, "it", files=TOKENIZER)

    assert graph_of_tokens.run(ROWS).ravel().tolist() == [6, 2, 3]


def test_rows_keep_their_order_whatever_their_length() -> None:
    graph_of_tokens = OnnxGraph(lengths_of_tokens(), TEXT, "it", files=TOKENIZER)
    texts = ["card " * (1 + row % 6) for row in range(100)]

    numbers = graph_of_tokens.run(packed(texts, 10).astype(np.float32))

    assert numbers.ravel().tolist() == [3 + row % 6 for row in range(100)]


def test_other_features_stand_beside_the_tokens() -> None:
    names = {"input_ids": INT64, "attention_mask": INT64, "amount": FLOAT}
    content = lengths_of_tokens(names)
    rows = np.hstack([np.array([[10.0], [20.0], [30.0]]), ROWS]).astype(np.float32)

    numbers = OnnxGraph(content, BESIDE, "it", files=TOKENIZER).run(rows)

    assert numbers.ravel().tolist() == [16, 22, 33]


def test_a_fixed_number_of_tokens_is_filled_up_and_cut_before_the_last_mark() -> None:
    content = lengths_of_tokens(tokens=4)

    numbers = OnnxGraph(content, TEXT, "it", files=TOKENIZER).run(ROWS)

    assert numbers.ravel().tolist() == [4, 2, 3]


REFUSED = {
    "no tokenizer": (lengths_of_tokens(), TEXT, {}, "training.outputs"),
    "another tokenizer": (
        lengths_of_tokens(), TEXT, {"tokenizer.json": tokenizer_file(model={"type": "BPE"})},
        "python",
    ),
    "no text": (lengths_of_tokens(), PROBABILITY, TOKENIZER, 'kind = "text"'),
    "an undeclared input beside the tokens": (
        lengths_of_tokens({"input_ids": INT64, "attention_mask": INT64, "amount": FLOAT}),
        TEXT, TOKENIZER, "export",
    ),
    "tokens as floats": (
        lengths_of_tokens({"input_ids": FLOAT, "attention_mask": INT64}), TEXT, TOKENIZER, "int64",
    ),
    "a text as numbers": (
        graph([node("Cast", ["note"], ["probability"], [attribute("to", FLOAT)])], 1,
              inputs={"note": INT64}),
        TEXT, {}, "input_ids",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "contract", "files", "cure"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_fed_is_refused_with_its_cure(
    content: bytes, contract: Contract, files: dict[str, bytes], cure: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        OnnxGraph(content, contract, "it", files=files)

    assert cure in (refused.value.hint or "")


WEIGHTS = np.array([0.001, 0.02, -0.5, 0.25], np.float32)
PLACES = ("weights.bin", "model.onnx.data", "parts/weights.bin")


@pytest.mark.parametrize("place", PLACES)
def test_weights_in_a_file_of_the_model_are_loaded_from_its_bytes(
    tmp_path: Path, place: str
) -> None:
    content = logistic_regression(WEIGHTS, 0.1, outside=place)
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_bytes(WEIGHTS.tobytes())
    (tmp_path / "model.onnx").write_bytes(content)
    rows = np.array([[100, 50, 1, 2]], np.float32)
    expected = OnnxModel(logistic_regression(WEIGHTS, 0.1), CONTRACT).predict(rows)

    built = open_model(tmp_path / "model.onnx", CONTRACT)
    served = OnnxModel(content, CONTRACT, files={place: WEIGHTS.tobytes()})

    assert built.run(rows).ravel().tolist() == expected.tolist()
    assert served.predict(rows).tolist() == expected.tolist()


@pytest.mark.parametrize("given", [{}, {"weights.bin": b"\0" * 4}, {"other.bin": b"\0" * 16}])
def test_weights_that_are_absent_or_too_short_are_refused(given: dict[str, bytes]) -> None:
    content = logistic_regression(WEIGHTS, 0.1, outside="weights.bin")

    with pytest.raises(InvalidInput):
        OnnxModel(content, CONTRACT, files=given)


def test_golden_rows_have_made_up_texts_and_not_those_of_people() -> None:
    rows = {feature.name: np.repeat(ROWS[:1, at], 100) for at, feature in enumerate(TEXT.features)}

    golden = make_golden(TEXT, rows, lambda table: np.zeros((64, 1)))

    texts = unpacked(rows_of_golden(golden))
    assert "my card was stolen" not in texts
    assert len({*texts}) > 20
    assert InputRules(TEXT).accept(rows_of_golden(golden)) is None


def test_robustness_swaps_letters_and_leaves_a_whole_text_out() -> None:
    texts = [f"my card was stolen {row}" for row in range(40)]
    rows = {
        feature.name: column
        for feature, column in zip(TEXT.features, packed(texts, 10).T, strict=True)
    }
    seen: list[list[str | None]] = []

    def score(table: Table) -> Numbers:
        seen.append(unpacked(rows_of(TEXT, table)))
        return np.array([[0.9 if text is None else 0.1] for text in seen[-1]])

    metrics = dict(robustness(Trial(score, TEXT, rows, rows)))

    _, mistyped, gone = seen
    assert mistyped != texts
    assert [sorted(text or "") for text in mistyped] == [sorted(text) for text in texts]
    assert gone == [None] * 40
    assert metrics["robustness_missing"].value == 1
