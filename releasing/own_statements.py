"""What is signed about a release of goldenpath: its files, its provenance and its bill."""

from collections.abc import Mapping

from goldenpath.audit.installation.release_statement import ReleasedFiles, release_statement
from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.release.attest.statement import (
    BUILDER,
    PROVENANCE,
    SBOM,
    Statement,
    render_time,
)
from goldenpath.version import __version__
from releasing.wheel_build import BuiltWheel, SourceCommit

WHEEL_BUILD = "https://goldenpath.example/build/wheel/v1"
REPOSITORY = "git+https://goldenpath.example/goldenpath"
"""Names the repository where no remote does; RFC 2606 keeps the name from being registered."""


def own_statements(
    wheel: BuiltWheel,
    commit: SourceCommit,
    bill: Mapping[str, JsonValue],
    lock: Digest,
    *,
    others: Mapping[str, Digest],
) -> Mapping[str, Statement]:
    """The statements by the word that stands in their file names.

    `lock` is the digest of `requirements/dev.txt`, from which the tools of the build come; `others`
    are the files that are published beside the wheel.
    """
    released = ReleasedFiles(wheel.version, commit.id, wheel.digest, wheel.files)
    return {
        "release": release_statement(released, others),
        "provenance": Statement((wheel.digest,), PROVENANCE, _provenance(commit, lock)),
        "sbom": Statement((wheel.digest,), SBOM, bill),
    }


def _provenance(commit: SourceCommit, lock: Digest) -> Mapping[str, JsonValue]:
    moment = render_time(commit.time)
    return {
        "buildDefinition": {
            "buildType": WHEEL_BUILD,
            "externalParameters": {"repository": REPOSITORY, "commit": commit.id},
            "internalParameters": {"SOURCE_DATE_EPOCH": moment},
            "resolvedDependencies": [
                {"uri": f"{REPOSITORY}@{commit.id}", "digest": {"gitCommit": commit.id}},
                {"name": "requirements/dev.txt", "digest": {"sha256": lock.hex}},
            ],
        },
        "runDetails": {
            "builder": {"id": BUILDER, "version": {"goldenpath": __version__}},
            "metadata": {"invocationId": f"{commit.id[:12]}-{moment}"},
        },
    }
