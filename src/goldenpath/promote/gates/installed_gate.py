"""Gates that are Python of the platform's own: `[[gate]]` with `object = "package.module:NAME"`.

The object has one method, `judge(evidence, stage, now)`, and gives a `Finding`. It is installed
beside goldenpath on every machine that judges; `platform.toml` names it, so that which code decides
has a history of signed commits. A machine that lacks it says so and never lets a release pass.
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
    """A gate whose code stands in another package."""

    named: NamedGate

    @property
    def name(self) -> str:
        """As the platform calls it."""
        return self.named.name

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """The finding of the object, with the version of the package that gave it.

        Whatever the object raises is a failure of the gate: the code is not ours, so nothing is
        known of what it can raise.
        """
        try:
            found = _load(self.named.object).judge(evidence, stage, now)
        except InvalidInput as error:
            return Finding(self.name, "fail", error.message, error.hint or _CURE)
        except Exception as error:
            said = f"{self.named.object} raised {type(error).__name__}: {error}"
            return Finding(self.name, "fail", said, "repair the gate, or waive it")
        if not isinstance(found, Finding) or found.status == "waived":
            return Finding(self.name, "fail", f"{self.named.object} gave no finding", _CURE)
        said = f"{found.message} ({_version(self.named.object)})"
        return replace(found, check=self.name, message=said)


def _load(path: str) -> Gate:
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InvalidInput(f"{path} cannot be loaded: {error}", hint=_CURE) from error
    gate: Gate = found() if isinstance(found, type) else found
    return gate


@cache
def _version(path: str) -> str:
    package = re.split(r"[.:]", path)[0]
    names = importlib.metadata.packages_distributions().get(package, (package,))
    try:
        return f"{names[0]} {importlib.metadata.version(names[0])}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package}, of no installed distribution"
