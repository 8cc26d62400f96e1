"""What an installed goldenpath needs here, by version and digest, taken from the lock of the tests.

The lock of the development environment is for every platform. A bundle is for one: this Python on
this machine, whose installed metadata says which packages of the lock that takes.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from goldenpath.errors import InvalidInput

_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pin:
    """One package: its version, and the digest of every file of it that may be installed."""

    name: str
    version: str
    hashes: tuple[str, ...]
    needs: tuple[str, ...] = ()
    """Names of the packages that it needs here."""

    @property
    def line(self) -> str:
        """The pin in the form that pip and uv read."""
        hashes = " ".join(f"--hash={each}" for each in self.hashes)
        return f"{self.name}=={self.version} {hashes}"


def runtime_pins(repository: Path) -> tuple[Pin, ...]:
    """Every package that goldenpath needs at run time, in the order of names.

    Raises `InvalidInput` if one is not in the lock, or is installed in another version.
    """
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    locked = parse_pins((repository / "requirements" / "dev.txt").read_text())
    pins: dict[str, Pin] = {}
    waiting = _needed(project["dependencies"], {""})
    while waiting:
        name, extras = waiting.popitem()
        pin = locked.get(name)
        installed = distribution(name)
        if pin is None or installed.version != pin.version:
            raise InvalidInput(
                f"{name} {installed.version} is installed: expected what requirements/dev.txt pins",
                hint="make lock, then make setup",
            )
        needs = _needed(installed.requires or (), extras)
        before = pins.get(name)
        known = set(before.needs) if before is not None else set[str]()
        pins[name] = Pin(name, pin.version, pin.hashes, tuple(sorted(known | set(needs))))
        waiting |= {n: e for n, e in needs.items() if n not in pins or e - {""}}
    return tuple(pins[name] for name in sorted(pins))


def direct_names(repository: Path) -> tuple[str, ...]:
    """The packages that goldenpath itself names."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    return tuple(sorted(_needed(project["dependencies"], {""})))


def parse_pins(text: str) -> Mapping[str, Pin]:
    """The pins of a lock that hold here, by name. Raises `InvalidInput` for one without a hash."""
    pins: dict[str, Pin] = {}
    for block in re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE):
        line = block.partition("\\")[0].partition("#")[0].partition("--hash")[0].strip()
        if not line:
            continue
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        name, hashes = canonicalize_name(requirement.name), tuple(_HASH.findall(block))
        (specifier,) = requirement.specifier
        if specifier.operator != "==" or not hashes:
            raise InvalidInput(f"{line} is no pin with a digest: expected a lock with hashes")
        pins[name] = Pin(name, specifier.version, hashes)
    return pins


def installed_distribution(name: str) -> PathDistribution:
    """The metadata of a package of this environment."""
    found = distribution(name)
    if not isinstance(found, PathDistribution):
        raise InvalidInput(f"{name} is not installed as files")
    return found


def _needed(lines: Iterable[str], extras: set[str]) -> dict[str, set[str]]:
    """Names with their extras, of those lines whose marker holds here."""
    needed: dict[str, set[str]] = {}
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
            name = canonicalize_name(requirement.name)
            needed.setdefault(name, {""}).update(requirement.extras)
    return needed
