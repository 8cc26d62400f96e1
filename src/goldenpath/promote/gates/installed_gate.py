"""Gates in the platform's own Python packages: `[[gate]]` with `object = "package.module:NAME"`.

The object has one method, `judge(evidence, stage, now)`, which returns a `Finding`. The package is
installed beside goldenpath on every machine that judges. `platform.toml` names the object, so a
signed commit records which code decides. On a machine without the package the gate fails.
"""

import importlib
import importlib.metadata
import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from goldenpath.errors import InvalidInput
from goldenpath.promote.gates.gate import Evidence, Gate
from goldenpath.promote.platform.custom_gate import NamedGate
from goldenpath.promote.platform.platform import Stage
from goldenpath.release.attest.policy import Finding

_CURE = "install the package that has it on every machine that judges, or correct platform.toml"


@dataclass(frozen=True, slots=True)
class Installed:
    """A gate whose code is in another package."""

    named: NamedGate

    @property
    def name(self) -> str:
        """The name that the platform gives it."""
        return self.named.name

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Return the finding of the object, with the version of its package.

        Any exception fails the gate: the code is not ours, so it can raise anything.
        """
        try:
            finding = _load(self.named.object).judge(evidence, stage, now)
        except InvalidInput as error:
            return Finding(self.name, "fail", error.message, error.hint or _CURE)
        except Exception as error:
            message = f"{self.named.object} raised {type(error).__name__}: {error}"
            return Finding(self.name, "fail", message, "repair the gate, or waive it")
        # Only a signed waiver may waive a gate, so a finding that claims it is none.
        if not isinstance(finding, Finding) or finding.status == "waived":
            return Finding(self.name, "fail", f"{self.named.object} gave no finding", _CURE)
        message = f"{finding.message} ({_version(self.named.object)})"
        return replace(finding, check=self.name, message=message)


def is_installed(named: NamedGate) -> bool:
    """Whether the object can be loaded on this machine."""
    try:
        _load(named.object)
    except InvalidInput:
        return False
    return True


def _load(path: str) -> Gate:
    module, _, name = path.partition(":")
    try:
        named = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InvalidInput(f"{path} cannot be loaded: {error}", hint=_CURE) from error
    gate: Gate = named() if isinstance(named, type) else named
    return gate


@cache
def _version(path: str) -> str:
    package = re.split(r"[.:]", path)[0]
    names = importlib.metadata.packages_distributions().get(package, (package,))
    try:
        return f"{names[0]} {importlib.metadata.version(names[0])}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package}, of no installed distribution"
