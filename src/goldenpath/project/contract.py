"""The contract as it is stored in a release: canonical JSON, so that it has exactly one digest."""

import msgspec

from goldenpath.canonical import canonical_json, parse_object
from goldenpath.errors import InvalidInput
from goldenpath.parsers.typed import typed
from goldenpath.project.spec import Contract

CONTRACT_VERSION = 1


def render_contract(contract: Contract) -> bytes:
    """Return the contract as canonical JSON."""
    value = msgspec.to_builtins(contract)
    for feature in value["features"]:
        # Contracts without labels keep the digest that they had before labels existed.
        if not feature["labels"]:
            del feature["labels"]
    return canonical_json(value)


def parse_contract(content: bytes) -> Contract:
    """Return the contract in `content`.

    Raises `InvalidInput` for another version, a wrong type, an unknown key, or bytes that are not
    canonical. Two texts of one contract would have two digests.
    """
    value = parse_object(content, "contract")
    if value.get("version") != CONTRACT_VERSION:
        raise InvalidInput(
            f"contract has version {value.get('version')!r}, expected {CONTRACT_VERSION}",
            hint="use the goldenpath release that made it, or build the model again",
        )
    contract = typed(value, Contract, "contract")
    if render_contract(contract) != content:
        raise InvalidInput("contract is not in canonical form, or has unknown keys")
    return contract
