"""The contract, profile and part digests of releases, read from the store."""

import time
from collections.abc import Callable, Mapping

from goldenpath.canonical import canonical_json
from goldenpath.digest import Digest
from goldenpath.drift.profile_format import parse_profile
from goldenpath.errors import GoldenPathError
from goldenpath.observe.log.release_rules import Facts, Parts
from goldenpath.oci.store import Store
from goldenpath.project.contract import members_of, parse_contract
from goldenpath.project.spec import Contract
from goldenpath.release.artifact.inspection import File, files_of
from goldenpath.release.artifact.pack import CODE, CONTRACT, PLATFORM_FOLDER, PROFILE

_SCHEMA = ("classes", "features", "input_tensor", "output", "output_tensor", "task", "value")


RETRY = 10.0
"""Seconds after which a release that could not be opened is tried again."""


class Releases:
    """The facts of releases by digest, each read and verified once.

    Failures are not kept: a release that cannot be opened now may arrive later.
    """

    def __init__(
        self,
        store: Store,
        report: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._report = report
        self._clock = clock
        self._known: dict[str, Facts] = {}
        self._failed: dict[str, float] = {}
        """By digest: when to try again a release that could not be opened."""
        self._faults: dict[str, str] = {}

    def __call__(self, digest: str) -> Facts | None:
        """Return the facts of a release. None if it cannot be opened, which is reported."""
        if digest not in self._known and self._failed.get(digest, 0.0) <= self._clock():
            try:
                files = files_of(self._store, Digest(digest), keep={CONTRACT, PROFILE})
                contract = parse_contract(files[CONTRACT].content)
                profile = parse_profile(files[PROFILE].content)
                self._known[digest] = Facts(contract, profile, parts_of(contract, files))
                self._failed.pop(digest, None)
                self._faults.pop(digest, None)
            except (GoldenPathError, KeyError) as error:
                self._faults[digest] = f"release {digest} cannot be opened: {error}"
                self._report(self._faults[digest])
                self._failed[digest] = self._clock() + RETRY
        return self._known.get(digest)

    def fault(self, digest: str) -> str:
        """Return why the last attempt to open a release failed; empty if it did not."""
        return self._faults.get(digest, "")


def parts_of(contract: Contract, files: Mapping[str, File]) -> Parts:
    """Return the digests of the parts of a release that make a decision."""
    made = {
        path: file.digest
        for path, file in files.items()
        if not path.startswith(PLATFORM_FOLDER + "/") or path.startswith(CODE + "/")
    }
    members = members_of(contract)
    decision, reasons = members["decision"], members["reasons"]
    return Parts(
        model=next(iter(made.values())) if len(made) == 1 else _digest(made),
        decision=_digest(decision) if decision is not None else "",
        schema=_digest({name: members[name] for name in _SCHEMA if name in members}),
        explainer=_digest(reasons) if reasons is not None else "",
    )


def _digest(part: object) -> str:
    return Digest.of(canonical_json(part)).text
