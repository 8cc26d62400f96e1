"""The tokenizer of BERT models, from the `tokenizer.json` that lies beside an exported graph.

It is written here, so that no code of a model runs in the server: texts become word pieces as the
library `tokenizers` does it for these files. A file of another kind is refused with the way out.
One difference is on purpose: `[SEP]` and the like, written in a text, are ordinary characters.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.errors import InvalidInput

MOST_TOKENS = 512
"""Tokens of the longest text, unless the file has a smaller limit."""
LONGEST_WORD = 100
"""Characters above which a word is unknown as a whole."""
_HINT = "serve the model as python: docs/interface.md says how its code gets the texts"
_CONTROLS = frozenset({"Cc", "Cf", "Co", "Cs"})
"""Categories of characters that `clean_text` drops; those without a category stay."""
_CHINESE = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip
"""The ranges of code points that BERT splits into single characters."""


@dataclass(frozen=True, slots=True)
class WordPieces:
    """A tokenizer: texts in, numbers of word pieces out, between the marks of begin and end."""

    vocabulary: Mapping[str, int]
    unknown: int
    begin: int
    end: int
    padding: int
    most: int
    """Tokens of the longest text, with both marks. Later ones are cut off."""
    prefix: str = "##"
    lowers: bool = True
    strips_accents: bool = True
    cleans: bool = True
    splits_chinese: bool = True

    @classmethod
    def parse(cls, content: bytes, name: str) -> "WordPieces":
        """Return the tokenizer of a file. Raises `InvalidInput` if it is of another kind."""
        value = parse_object(content, name)
        model = _section(value, "model", name, ("WordPiece",))
        normalizer = _section(value, "normalizer", name, ("BertNormalizer",))
        _section(value, "pre_tokenizer", name, ("BertPreTokenizer",))
        begin, end = _marks(value, name)
        listed = model.get("vocab")
        words = listed if isinstance(listed, dict) else {}
        vocabulary = {piece: place for piece, place in words.items() if type(place) is int}
        if not vocabulary or len(vocabulary) != len(words) or min(vocabulary.values()) < 0:
            raise InvalidInput(f"{name} has no vocabulary of words and their numbers")
        lowers = normalizer.get("lowercase") is not False
        accents = normalizer.get("strip_accents")
        truncation, padding = value.get("truncation"), value.get("padding")
        most = truncation.get("max_length") if isinstance(truncation, dict) else MOST_TOKENS
        pad = padding.get("pad_id") if isinstance(padding, dict) else vocabulary.get("[PAD]", 0)
        if type(most) is not int or not 3 <= most <= MOST_TOKENS or type(pad) is not int:
            raise InvalidInput(
                f"{name} cuts texts to {most!r} tokens and fills them with {pad!r}: expected 3 to "
                f"{MOST_TOKENS} tokens and a number"
            )
        return cls(
            vocabulary,
            _number(vocabulary, model.get("unk_token", "[UNK]"), name),
            _number(vocabulary, begin, name),
            _number(vocabulary, end, name),
            pad,
            most,
            prefix=str(model.get("continuing_subword_prefix", "##")),
            lowers=lowers,
            strips_accents=lowers if accents is None else accents is True,
            cleans=normalizer.get("clean_text") is not False,
            splits_chinese=normalizer.get("handle_chinese_chars") is not False,
        )

    def tokens(self, text: str) -> list[int]:
        """Return the numbers of the word pieces of a text, with both marks."""
        pieces: list[int] = []
        for run in _words(self._normal(text)):
            pieces += self._pieces(run)
            if len(pieces) >= self.most - 2:
                break
        return [self.begin, *pieces[: self.most - 2], self.end]

    def _normal(self, text: str) -> str:
        if self.cleans:
            text = "".join(_clean(text))
        if self.splits_chinese:
            text = "".join(f" {char} " if _is_chinese(char) else char for char in text)
        if self.strips_accents:
            parts = unicodedata.normalize("NFD", text)
            text = "".join(char for char in parts if unicodedata.category(char) != "Mn")
        return "".join(map(str.lower, text)) if self.lowers else text

    def _pieces(self, letters: str) -> Sequence[int]:
        """Return the longest pieces from the left; or one unknown piece if none fits."""
        if len(letters) > LONGEST_WORD:
            return (self.unknown,)
        pieces: list[int] = []
        start = 0
        while start < len(letters):
            mark = self.prefix if start else ""
            ends = range(len(letters), start, -1)
            end = next((end for end in ends if mark + letters[start:end] in self.vocabulary), 0)
            if not end:
                return (self.unknown,)
            pieces.append(self.vocabulary[mark + letters[start:end]])
            start = end
        return pieces


def _section(
    value: Mapping[str, JsonValue], key: str, name: str, kinds: tuple[str, ...]
) -> Mapping[str, JsonValue]:
    part = value.get(key)
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or kind not in kinds:
        raise InvalidInput(
            f"{name} has a {key} of type {kind!r}: expected {' or '.join(kinds)}", hint=_HINT
        )
    return part


def _marks(value: Mapping[str, JsonValue], name: str) -> tuple[str, str]:
    """Return the marks that stand before and behind a text."""
    processor = value.get("post_processor")
    single = processor.get("single") if isinstance(processor, dict) else None
    if isinstance(single, list) and len(single) == 3:
        marks = [_special(item) for item in single]
        if marks[0] and not marks[1] and marks[2]:
            return marks[0], marks[2]
    if isinstance(processor, dict) and processor.get("type") == "BertProcessing":
        begin, end = processor.get("cls"), processor.get("sep")
        if isinstance(begin, list) and isinstance(end, list) and begin and end:
            return str(begin[0]), str(end[0])
    raise InvalidInput(
        f"{name} puts other marks around a text: expected one before and one behind", hint=_HINT
    )


def _special(item: JsonValue) -> str:
    mark = item.get("SpecialToken") if isinstance(item, dict) else None
    return str(mark.get("id", "")) if isinstance(mark, dict) else ""


def _number(vocabulary: Mapping[str, int], mark: JsonValue, name: str) -> int:
    if not isinstance(mark, str) or mark not in vocabulary:
        raise InvalidInput(f"{name} uses {mark!r}, which its vocabulary does not have")
    return vocabulary[mark]


def _clean(text: str) -> Iterator[str]:
    for char in text:
        if char in "\t\n\r":
            yield " "
        elif char != "\ufffd" and unicodedata.category(char) not in _CONTROLS:
            yield " " if char.isspace() else char


def _is_chinese(char: str) -> bool:
    return any(low <= ord(char) <= high for low, high in _CHINESE)


def _words(text: str) -> Iterator[str]:
    """Yield runs of characters without white space, and each mark of punctuation alone."""
    for run in text.split():
        letters = ""
        for char in run:
            if not _is_punctuation(char):
                letters += char
                continue
            if letters:
                yield letters
            yield char
            letters = ""
        if letters:
            yield letters


def _is_punctuation(char: str) -> bool:
    # ASCII marks such as $ and ^ are symbols in Unicode, and BERT splits at them too.
    if char.isascii():
        return char.isprintable() and not char.isalnum() and char != " "
    return unicodedata.category(char).startswith("P")
