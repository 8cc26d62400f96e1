"""What each release says about itself, out of the store that holds it."""

from collections.abc import Callable

from goldenpath.artifact.unpack import open_release
from goldenpath.digest import Digest
from goldenpath.drift.profile import parse_profile
from goldenpath.errors import GoldenPathError
from goldenpath.observe.decide import Facts
from goldenpath.oci.store import Store
from goldenpath.project.contract import parse_contract

_CONTRACT = "models/goldenpath/contract.json"
_PROFILE = "models/goldenpath/profile.json"


class Releases:
    """Contract and profile by digest, each read and verified once."""

    def __init__(self, store: Store, report: Callable[[str], None]) -> None:
        self._store = store
        self._report = report
        self._known: dict[str, Facts | None] = {}

    def __call__(self, digest: str) -> Facts | None:
        """What the release says; None, once reported, for one that cannot be opened."""
        if digest not in self._known:
            try:
                files = open_release(self._store, Digest(digest)).files
                self._known[digest] = Facts(
                    parse_contract(files[_CONTRACT]), parse_profile(files[_PROFILE])
                )
            except (GoldenPathError, KeyError) as error:
                self._report(f"release {digest} cannot be opened: {error}")
                self._known[digest] = None
        return self._known[digest]
