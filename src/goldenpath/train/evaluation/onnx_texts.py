"""Texts as a graph takes them: as texts, or as the tokens of a tokenizer that lies beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput
from goldenpath.project.task.feature_parts import DeclaredFeature
from goldenpath.project.task.text_parts import unpacked
from goldenpath.train.evaluation.word_pieces import MOST_TOKENS, WordPieces

TOKENIZER = "tokenizer.json"
"""File beside the graph, as transformers write it."""
TOKEN_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})
"""Inputs of an exported transformer."""
ROWS_AT_ONCE = 32
"""Rows of one call: a transformer needs megabytes for each."""
_WHOLE: Mapping[str, type[np.integer]] = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}

Rows = NDArray[np.float32]
Column = NDArray[np.generic]
Input = tuple[str, Sequence[object]]
"""Type and shape of an input."""


@dataclass(frozen=True, slots=True)
class TokenFeed:
    """Makes the token inputs of rows from one text feature."""

    place: slice
    pieces: WordPieces
    types: Mapping[str, type[np.integer]]
    """The type of each token input of the graph."""
    length: int
    """The fixed number of tokens; 0 if the graph takes any."""

    def lengths(self, rows: Rows) -> NDArray[np.int64]:
        """Return about how long the texts are, so that equal ones can go together."""
        present: NDArray[np.int64] = (rows[:, self.place] > 0).sum(axis=1)
        return present

    def inputs(self, rows: Rows) -> dict[str, Column]:
        """Return the token inputs; a missing text has the two marks alone."""
        listed = [self.pieces.tokens(text or "") for text in unpacked(rows[:, self.place])]
        width = self.length or max(map(len, listed), default=2)
        ids = np.full((len(rows), width), self.pieces.padding, np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for row, tokens in enumerate(listed):
            kept = tokens if len(tokens) <= width else [*tokens[: width - 1], tokens[-1]]
            ids[row, : len(kept)], mask[row, : len(kept)] = kept, 1
        tensors = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return {name: tensors[name].astype(kind) for name, kind in self.types.items()}


def token_feed(
    inputs: Mapping[str, Input],
    declared: Sequence[DeclaredFeature],
    files: Mapping[str, bytes],
    name: str,
) -> TokenFeed:
    """Return what makes the token inputs. Raises `InvalidInput` with the cure if nothing can."""
    texts = [each for each in declared if each.part == "text"]
    if len(texts) != 1:
        raise InvalidInput(
            f"{name} takes tokens, and the contract has {len(texts)} features of kind text: "
            "expected one",
            hint='declare the text as kind = "text", and join several texts before they are sent',
        )
    if TOKENIZER not in files:
        raise InvalidInput(
            f"{name} takes tokens, and there is no {TOKENIZER} beside it",
            hint=f"let the training copy {TOKENIZER} of the model into its output folder, and name "
            "it in training.outputs of goldenpath.toml",
        )
    types: dict[str, type[np.integer]] = {}
    sizes = set[int]()
    for tensor in sorted(TOKEN_INPUTS & inputs.keys()):
        kind, shape = inputs[tensor]
        if kind not in _WHOLE or len(shape) != 2:
            raise InvalidInput(
                f"{name} takes {tensor!r} as {kind} of shape {list(shape)}: expected whole numbers "
                "of shape (n, tokens)",
                hint="export it as transformers do, with int64 inputs",
            )
        types[tensor] = _WHOLE[kind]
        sizes |= {shape[1]} if isinstance(shape[1], int) else set()
    if len(sizes) > 1 or not all(3 <= size <= MOST_TOKENS for size in sizes):
        raise InvalidInput(
            f"{name} takes {sorted(sizes)} tokens: expected one number up to {MOST_TOKENS}",
            hint="export it with an open number of tokens",
        )
    place = slice(texts[0].start, texts[0].start + texts[0].width)
    pieces = WordPieces.parse(files[TOKENIZER], TOKENIZER)
    return TokenFeed(place, pieces, types, sizes.pop() if sizes else 0)


def text_cast(declared: DeclaredFeature, given: Input, name: str) -> Callable[[Rows], Column]:
    """Return what makes an input of texts; a missing text is an empty one."""
    kind, shape = given
    is_column = len(shape) in (1, 2) and (len(shape) == 1 or shape[1] == 1 or
                                          not isinstance(shape[1], int))  # fmt: skip
    if kind != "tensor(string)" or not is_column:
        raise InvalidInput(
            f"{name} takes the text {declared.name!r} as {kind} of shape {list(shape)}: expected "
            "tensor(string) of shape (n, 1) or (n,)",
            hint=f"export it so, or export input_ids and put {TOKENIZER} beside the graph",
        )
    place = slice(declared.start, declared.start + declared.width)
    form = (-1, 1) if len(shape) == 2 else (-1,)

    def cast(rows: Rows) -> Column:
        texts = [text or "" for text in unpacked(rows[:, place])]
        shaped: Column = np.array(texts, object).reshape(form)
        return shaped

    return cast
