"""What a catalogue holds, as far as it is held against git."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """One registered model."""

    aliases: Mapping[str, str]
    """Digest by alias (a stage); empty for a version that is no release of ours."""
    releases: frozenset[str]
    """Digests of its versions."""


@dataclass(frozen=True, slots=True)
class Registered:
    """Models by name, of one catalogue."""

    models: Mapping[str, RegisteredModel] = field(default_factory=dict)
    is_shared: bool = False
    """Everybody tells this one what they build: a model that it does not know is missing there.

    A database of this machine knows what was built here, and nothing is held against the rest.
    """
    fault: str = ""
    """Why it could not be read, in words; then nothing is held against it."""


Version = tuple[str, int, str]
"""Model, number, and digest of the release, empty where there is none."""
Pointer = tuple[str, str, int]
"""Model, alias, and number of the version that it points at."""


def models(
    versions: Iterable[Version], pointers: Iterable[Pointer]
) -> Mapping[str, RegisteredModel]:
    """The models that these versions and aliases make."""
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
