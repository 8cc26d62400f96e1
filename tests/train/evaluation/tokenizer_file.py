"""A tokenizer of the kind of BERT with a few words, as transformers write it."""

import json
from collections.abc import Mapping

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "my", "card", "##s", "was", "stolen", "un", "##aff",
         "##able", "!", ",", "grusse", "世", "界", "'", "$", "5", "##00")  # fmt: skip


def tokenizer_file(**changes: object) -> bytes:
    """Return a `tokenizer.json`; a change replaces a part of it."""
    marks = [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
    ]
    value: Mapping[str, object] = {
        "version": "1.0",
        "truncation": {"max_length": 8, "strategy": "LongestFirst", "stride": 0,
                       "direction": "Right"},
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing", "single": marks, "pair": [],
            "special_tokens": {name: {"id": name, "ids": [at], "tokens": [name]}
                               for at, name in ((2, "[CLS]"), (3, "[SEP]"))},
        },
        "decoder": None,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100,
                  "vocab": {word: place for place, word in enumerate(WORDS)}},
    }  # fmt: skip
    return json.dumps({**value, **changes}).encode()
