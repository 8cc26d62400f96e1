"""The policy that `goldenpath verify` judges by, and whose time counts for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldenpath import compose
from goldenpath.digest import Digest
from goldenpath.home import Home
from goldenpath.parsers.toml_parser import MAX_TOML
from goldenpath.parsers.typed import read_bounded
from goldenpath.promote.gates.admission_policy import AdmissionPolicy, admission_of, parse_admission
from goldenpath.release.attest.policy import OWN_TIME


@dataclass(frozen=True, slots=True)
class ChosenPolicy:
    """A policy with its people, and when statements were seen."""

    admission: AdmissionPolicy
    times: Mapping[Digest, datetime] | None
    """When each statement was first seen here; None if its own time counts."""
    whose: str
    """Whose time counts, as a sentence."""


def chosen_policy(home: Home, file: Path | None) -> ChosenPolicy:
    """Return the policy of a file, or that of the gitops repository if there is none."""
    if file is not None:
        admission = parse_admission(read_bounded(file, MAX_TOML), file.name)
        return ChosenPolicy(admission, None, OWN_TIME)
    trusted = compose.trusted(home)
    return ChosenPolicy(admission_of(trusted.platform), *compose.statement_times(home, trusted))
