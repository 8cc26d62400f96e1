"""The contract as bytes: what travels inside a release, canonical, so that it has one digest."""

import msgspec

from goldenpath.canonical import canonical_json, parse_object
from goldenpath.errors import InvalidInput
from goldenpath.parsers.typed import typed
from goldenpath.project.spec import Contract

CONTRACT_VERSION = 1


def render_contract(contract: Contract) -> bytes:
    """Canonical JSON of the contract."""
    value = msgspec.to_builtins(contract)
    for feature in value["features"]:
        # Without labels it keeps the bytes, and so the digest, from before there were any.
        if not feature["labels"]:
            del feature["labels"]
    return canonical_json(value)


def parse_contract(content: bytes) -> Contract:
    """The contract in `content`.

    Raises `InvalidInput` for another version, a wrong type, an unknown key, or bytes that are not
    the canonical ones: two texts of one contract would be two digests.
    """
    value = parse_object(content, "contract")
    if value.get("version") != CONTRACT_VERSION:
        raise InvalidInput(
            f"contract has version {value.get('version')!r}, expected {CONTRACT_VERSION}",
            hint="use the goldenpath release that made it, or build the model again",
        )
    contract = typed(value, Contract, "contract")
    if render_contract(contract) != content:
        raise InvalidInput("contract is not in canonical form, or has keys that are unknown")
    return contract
