"""The contract as it is stored in a release: canonical JSON, so that it has exactly one digest."""

from collections.abc import Sequence

import msgspec

from goldenpath.canonical import JsonValue, canonical_json, parse_object
from goldenpath.errors import InvalidInput
from goldenpath.parsers.typed import typed
from goldenpath.project.spec import Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.stored_formats import CONTRACT

_FEATURE = ("labels", "whole", "part_of", "part", "bytes")
_DECISION = ("classes", "favourable", "reviewed")
_CONTRACT = ("task", "classes", "value")


def render_contract(contract: Contract) -> bytes:
    """Return the contract as canonical JSON."""
    return canonical_json(members_of(contract))


def members_of(contract: Contract) -> dict[str, JsonValue]:
    """Return the members of the contract as they are stored."""
    value = msgspec.to_builtins(contract)
    # A contract that does not use a later field keeps the digest that it had before the field.
    for feature in value["features"]:
        _leave_out(feature, Feature(name="", kind="number"), _FEATURE)
    if value["decision"] is not None:
        _leave_out(value["decision"], DecisionPolicy(), _DECISION)
    _leave_out(value, Contract("", (), "", None, MonitorSettings()), _CONTRACT)
    members: dict[str, JsonValue] = value
    return members


def _leave_out(value: dict[str, JsonValue], plain: object, names: Sequence[str]) -> None:
    """Remove the members that are as in `plain`."""
    defaults = msgspec.to_builtins(plain)
    for name in names:
        if value[name] == defaults[name]:
            del value[name]


def parse_contract(content: bytes) -> Contract:
    """Return the contract in `content`.

    Raises `InvalidInput` for another version, a wrong type, an unknown key, or bytes that are not
    canonical. Two texts of one contract would have two digests.
    """
    value = parse_object(content, "contract")
    CONTRACT.require(value.get("version"), "contract")
    contract = typed(value, Contract, "contract")
    if render_contract(contract) != content:
        raise InvalidInput("contract is not in canonical form, or has unknown keys")
    return contract
