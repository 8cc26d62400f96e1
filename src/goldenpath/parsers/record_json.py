"""Records as JSON: the one form that verbs print and that pages of the console send."""

import dataclasses
from collections.abc import Mapping

import msgspec

from goldenpath.digest import Digest


def record_json(record: object) -> bytes:
    """Return the record as indented JSON. A digest becomes its usual text form."""
    encoded = msgspec.json.encode(_plain(record), enc_hook=str)
    return msgspec.json.format(encoded, indent=2)


def _plain(value: object) -> object:
    """Return the record without dataclasses."""
    if isinstance(value, Digest):
        return value.text
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        # A field that was renamed keeps the name that scripts know, as its metadata says.
        return {
            field.metadata.get("json", field.name): _plain(getattr(value, field.name))
            for field in fields
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
