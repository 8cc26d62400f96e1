"""Texts become the same tokens as by the library `tokenizers`, whose answers are written here."""

import json

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.train.evaluation.word_pieces import WordPieces
from tests.train.evaluation.tokenizer_file import tokenizer_file

PIECES = WordPieces.parse(tokenizer_file(), "tokenizer.json")
KNOWN = {
    "My cards was stolen!": [2, 4, 5, 6, 7, 8, 12, 3],
    "unaffable": [2, 9, 10, 11, 3],
    "Grüße, 世界": [2, 1, 13, 15, 16, 3],
    "GRÜSSE": [2, 14, 3],
    "it's $500": [2, 1, 17, 1, 18, 19, 20, 3],
    "": [2, 3],
    "a" * 101: [2, 1, 3],
    "my\u200b card\x00\tmy\u00a0card": [2, 4, 5, 4, 5, 3],
    "my card was stolen , my card was stolen": [2, 4, 5, 7, 8, 13, 4, 3],
}


@pytest.mark.parametrize(("text", "tokens"), KNOWN.items())
def test_a_text_has_the_tokens_of_the_library(text: str, tokens: list[int]) -> None:
    assert PIECES.tokens(text) == tokens


def test_a_mark_that_a_caller_writes_is_ordinary_text() -> None:
    assert PIECES.tokens("my [SEP] card").count(3) == 1


OTHERS = {
    "byte pairs": {"model": {"type": "BPE", "vocab": {}}},
    "another normalizer": {"normalizer": {"type": "NFKC"}},
    "no normalizer": {"normalizer": None},
    "another split": {"pre_tokenizer": {"type": "ByteLevel"}},
    "no marks": {"post_processor": None},
    "a vocabulary of texts": {"model": {"type": "WordPiece", "vocab": {"a": "b"}}},
    "no unknown": {"model": {"type": "WordPiece", "vocab": {"[CLS]": 1, "[SEP]": 2}}},
    "no room": {"truncation": {"max_length": 2}},
    "too much room": {"truncation": {"max_length": 100_000}},
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_a_tokenizer_of_another_kind_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=r"tokenizer\.json"):
        WordPieces.parse(tokenizer_file(**change), "tokenizer.json")


def test_the_cure_is_code_in_its_sandbox() -> None:
    with pytest.raises(InvalidInput) as refused:
        WordPieces.parse(tokenizer_file(model={"type": "Unigram"}), "tokenizer.json")

    assert "python" in (refused.value.hint or "")


def test_no_truncation_means_the_limit_of_the_platform() -> None:
    pieces = WordPieces.parse(tokenizer_file(truncation=None), "it")

    assert len(pieces.tokens("my " * 2000)) == 512
    assert json.loads(tokenizer_file())["truncation"]["max_length"] == 8
