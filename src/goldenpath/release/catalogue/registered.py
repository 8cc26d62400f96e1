"""The content of a catalogue, as far as it is compared with git."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """One registered model."""

    aliases: Mapping[str, str]
    """Digest by alias (a stage); empty if its version is not one of our releases."""
    releases: frozenset[str]
    """Digests of its versions."""


@dataclass(frozen=True, slots=True)
class Registered:
    """The models of one catalogue, by name."""

    models: Mapping[str, RegisteredModel] = field(default_factory=dict)
    is_shared: bool = False
    """Whether every builder registers here, so that a model which is not here is missing.

    The database of one machine has only what that machine built, so nothing else is missing in it.
    """
    fault: str = ""
    """Why it could not be read; then it is not compared with git."""


Version = tuple[str, int, str]
"""Model, number, and digest of the release; the digest is empty if there is none."""
Pointer = tuple[str, str, int]
"""Model, alias, and number of the version that it points at."""


def models(
    versions: Iterable[Version], pointers: Iterable[Pointer]
) -> Mapping[str, RegisteredModel]:
    """Return the models that consist of these versions and aliases."""
    digests: dict[str, dict[int, str]] = {}
    for name, number, digest in versions:
        digests.setdefault(name, {})[number] = digest
    aliases: dict[str, dict[str, str]] = {}
    for name, alias, number in pointers:
        aliases.setdefault(name, {})[alias] = digests.get(name, {}).get(number, "")
    return {
        name: RegisteredModel(aliases.get(name, {}), frozenset(filter(None, found.values())))
        for name, found in digests.items()
    }
