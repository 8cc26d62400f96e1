"""What each release says about itself, out of the store that holds it."""

from collections.abc import Callable, Mapping

import msgspec

from goldenpath.artifact.inspection import File, files_of
from goldenpath.artifact.pack import CODE, CONTRACT, FRAME, PROFILE
from goldenpath.canonical import JsonValue, canonical_json
from goldenpath.digest import Digest
from goldenpath.drift.profile import parse_profile
from goldenpath.errors import GoldenPathError
from goldenpath.observe.decide import Facts, Parts
from goldenpath.oci.store import Store
from goldenpath.project.contract import parse_contract
from goldenpath.project.spec import Contract

_SCHEMA = ("features", "input_tensor", "output", "output_tensor")


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
                files = files_of(self._store, Digest(digest), keep={CONTRACT, PROFILE})
                contract = parse_contract(files[CONTRACT].content)
                profile = parse_profile(files[PROFILE].content)
                self._known[digest] = Facts(contract, profile, parts_of(contract, files))
            except (GoldenPathError, KeyError) as error:
                self._report(f"release {digest} cannot be opened: {error}")
                self._known[digest] = None
        return self._known[digest]


def parts_of(contract: Contract, files: Mapping[str, File]) -> Parts:
    """What in a release decides, each part by its digest."""
    made = {
        path: file.digest
        for path, file in files.items()
        if not path.startswith(FRAME + "/") or path.startswith(CODE + "/")
    }
    schema = (contract.features, contract.input_tensor, contract.output, contract.output_tensor)
    reasons = contract.reasons
    return Parts(
        model=next(iter(made.values())) if len(made) == 1 else _digest(made),
        decision=_digest(contract.decision),
        schema=_digest(dict(zip(_SCHEMA, schema, strict=True))),
        explainer=_digest(reasons) if reasons is not None else "",
    )


def _digest(part: object) -> str:
    value: JsonValue = msgspec.to_builtins(part)
    return Digest.of(canonical_json(value)).text
