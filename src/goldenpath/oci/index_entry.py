"""Entries of the `index.json` of a layout, which are edited as JSON.

They are no descriptors: other tools keep members in them, such as `platform`, which must not get
lost.
"""

from collections.abc import Sequence

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.oci.descriptor import Descriptor

REF_NAME = "org.opencontainers.image.ref.name"
Entry = dict[str, JsonValue]


def tag_of(entry: Entry) -> str | None:
    """Return the tag of an entry, or None."""
    annotations = entry.get("annotations")
    name = annotations.get(REF_NAME) if isinstance(annotations, dict) else None
    return name if isinstance(name, str) else None


def as_digest(entry: Entry) -> Digest | None:
    """Return the digest of an entry; None if it is none of ours."""
    text = entry.get("digest")
    try:
        return Digest(text) if isinstance(text, str) else None
    except InvalidInput:
        return None


def as_plain(entry: Entry) -> Descriptor | None:
    """Return an entry that we could have written, without a tag; None for any other."""
    if tag_of(entry) is not None or as_digest(entry) is None:
        return None
    try:
        descriptor = Descriptor.from_json(entry, "entry of index.json")
    except InvalidInput:
        return None
    return descriptor if descriptor.to_json() == entry else None


def listed(entries: Sequence[Entry], descriptor: Descriptor) -> Sequence[Entry]:
    """Return the entries with one for this manifest."""
    if any(entry.get("digest") == descriptor.digest.text for entry in entries):
        return entries
    return (*entries, descriptor.to_json())


def tagged(entries: Sequence[Entry], name: str, descriptor: Descriptor) -> Sequence[Entry]:
    """Move the tag, so that one entry carries it and every manifest stays listed."""
    digest = descriptor.digest.text
    entry = next((e for e in entries if e.get("digest") == digest), descriptor.to_json())
    new = with_tag(untagged(entry), name)
    if new in entries:
        return entries
    released = [untagged(e) if tag_of(e) == name else e for e in entries]
    named = {e.get("digest") for e in (*released, new) if tag_of(e)}
    return (*(e for e in released if tag_of(e) or e.get("digest") not in named), new)


def with_tag(entry: Entry, name: str) -> Entry:
    """Return the entry under this tag."""
    annotations = entry.get("annotations")
    kept = annotations if isinstance(annotations, dict) else {}
    return {**entry, "annotations": {**kept, REF_NAME: name}}


def untagged(entry: Entry) -> Entry:
    """Return the entry without its tag; its other members stay."""
    annotations = entry.get("annotations")
    if not isinstance(annotations, dict):
        return entry
    kept = {key: text for key, text in annotations.items() if key != REF_NAME}
    plain = {key: value for key, value in entry.items() if key != "annotations"}
    return {**plain, "annotations": kept} if kept else plain
