"""What a predicate has to say before its statement counts, and before a release holds.

A good signature says who speaks. These controls look at what is said: by which build, from where,
about which data, with which result.
"""

from collections.abc import Callable, Iterator, Sequence

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.release.attest.documents import Candidate
from goldenpath.release.attest.policy import Demand, Finding, SignedStatement, newest_of
from goldenpath.release.attest.statement import (
    BUILD_TYPE,
    DATASET,
    EXTERNAL_PARAMETERS,
    METRICS,
    PROVENANCE,
    SBOM,
    SCAN,
    TEST_RESULT,
    member,
)

_REBUILD = "build the release again from data and code that belong together"


def build_type(candidate: Candidate, _demand: Demand) -> str | None:
    """Only builds of the known kind are understood."""
    if candidate.predicate_type != PROVENANCE:
        return None
    found = member(dict(candidate.predicate), "buildDefinition", "buildType")
    return None if found == BUILD_TYPE else f"it was built by {found!r}, expected {BUILD_TYPE}"


def parameters(candidate: Candidate, _demand: Demand) -> str | None:
    """A build that was asked for something unknown may have done anything (SLSA v1)."""
    if candidate.predicate_type != PROVENANCE:
        return None
    found = member(dict(candidate.predicate), "buildDefinition", "externalParameters")
    if not isinstance(found, dict):
        return "it says nothing of what the build was asked for"
    unknown = sorted(set(found) - EXTERNAL_PARAMETERS)
    return f"it has the unknown external parameter {unknown[0][:80]!r}" if unknown else None


def repository(candidate: Candidate, demand: Demand) -> str | None:
    """The release comes from the repository that the policy names."""
    expected = demand.policy.repository
    if candidate.predicate_type != PROVENANCE or expected is None:
        return None
    path = ("buildDefinition", "externalParameters", "repository")
    found = member(dict(candidate.predicate), *path)
    return None if found == expected else f"it was built from {found!r}, expected {expected}"


def builder(candidate: Candidate, demand: Demand) -> str | None:
    """The release was built by the builder that the policy names."""
    expected = demand.policy.builder
    if candidate.predicate_type != PROVENANCE or expected is None:
        return None
    found = member(dict(candidate.predicate), "runDetails", "builder", "id")
    return None if found == expected else f"it was built by {found!r}, expected {expected}"


def sbom(candidate: Candidate, demand: Demand) -> str | None:
    """The bill of materials is that of this digest."""
    if candidate.predicate_type != SBOM:
        return None
    hashes = member(dict(candidate.predicate), "metadata", "component", "hashes")
    listed = hashes if isinstance(hashes, list) else []
    expected: dict[str, JsonValue] = {"alg": "SHA-256", "content": demand.digest.hex}
    return None if expected in listed else "it lists the parts of another model"


def predicate(candidate: Candidate, _demand: Demand) -> str | None:
    """Evidence says something: an empty form with a good signature is none."""
    form = _FORMS.get(candidate.predicate_type)
    return None if form is None else form(dict(candidate.predicate))


def test_result(
    _documents: object, statements: Sequence[SignedStatement], demand: Demand
) -> tuple[Finding, ...]:
    """The newest result of the tests is that they passed."""
    newest = newest_of(statements, TEST_RESULT)
    if newest is None or TEST_RESULT not in demand.policy.required:
        return ()
    said = newest.statement.predicate
    failed = _texts(said.get("failedTests"))
    if said.get("result") == "PASSED" and not failed:
        return (Finding("test result", "pass", f"passed, says {newest.signer}"),)
    what = ", ".join(failed)[:200] or str(said.get("result"))[:80]
    cure = "mend what fails and build again"
    return (Finding("test result", "fail", f"the tests did not pass: {what}", cure),)


def scan(
    _documents: object, statements: Sequence[SignedStatement], demand: Demand
) -> tuple[Finding, ...]:
    """The newest scan, where one is required, found nothing."""
    newest = newest_of(statements, SCAN)
    if newest is None or SCAN not in demand.policy.required:
        return ()
    said = newest.statement.predicate
    found = [*_listed(said.get("found")), *_listed(said.get("vulnerabilities"))]
    if not found:
        note = "known vulnerabilities " + str(said.get("vulnerabilityScan"))[:40]
        return (Finding("scan", "pass", f"nothing was found; {note}"),)
    words = ", ".join(
        str(member(each, "detail") or member(each, "advisory"))[:80] for each in found[:5]
    )
    cure = "take out what was found and build again"
    return (Finding("scan", "fail", f"the scan found {len(found)}: {words}", cure),)


def agreement(
    _documents: object, statements: Sequence[SignedStatement], _demand: Demand
) -> tuple[Finding, ...]:
    """The data that is described is the data that the build read."""
    built, data = newest_of(statements, PROVENANCE), newest_of(statements, DATASET)
    if built is None or data is None:
        return ()
    definition = member(dict(built.statement.predicate), "buildDefinition")
    read = {
        member(each, "digest", "sha256")
        for each in _listed(member(definition, "resolvedDependencies"))
    }
    stray = [
        f"{name} {digest[:19]}"
        for name, digest in _data(data)
        if digest.removeprefix("sha256:") not in read
    ]
    if not stray:
        return (Finding("agreement", "pass", "the data described is the data the build read"),)
    message = f"the build did not read the data that is described: {', '.join(stray)[:200]}"
    return (Finding("agreement", "fail", message, _REBUILD),)


def _data(signed: SignedStatement) -> Iterator[tuple[str, str]]:
    """Name and digest of each; what has no digest is the control "predicate"'s to refuse."""
    for each in _listed(signed.statement.predicate.get("datasets")):
        digest = member(each, "digest")
        if isinstance(digest, str):
            yield str(member(each, "name"))[:80], digest


def _metrics(said: dict[str, JsonValue]) -> str | None:
    metrics = _listed(said.get("metrics"))
    if not metrics:
        return "it measures nothing"
    for each in metrics:
        name, value = member(each, "name"), member(each, "value")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        # A slice with one class alone has no value, which is written as null.
        if not isinstance(name, str) or not (value is None or number):
            return "it has a metric without name or number"
    if all(member(each, "value") is None for each in metrics):
        return "none of its metrics has a value"
    return None


def _dataset(said: dict[str, JsonValue]) -> str | None:
    listed = _listed(said.get("datasets"))
    try:
        digests = [Digest(str(member(each, "digest"))) for each in listed]
    except InvalidInput as error:
        return f"it names data without a digest: {error.message}"
    return None if digests else "it names no data"


def _scanned(said: dict[str, JsonValue]) -> str | None:
    files = said.get("files")
    if not isinstance(files, int) or files < 1 or not isinstance(said.get("found"), list):
        return "it does not say what it looked at and what it found"
    # "Not scanned" is an honest answer; a clean bill without a source is not.
    if (said.get("vulnerabilityScan") == "scanned") != bool(said.get("advisories")):
        return "it says nothing of the advisories that it compared with"
    return None


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _texts(value: JsonValue) -> list[str]:
    return [each for each in _listed(value) if isinstance(each, str)]


_FORMS: dict[str, Callable[[dict[str, JsonValue]], str | None]] = {
    METRICS: _metrics,
    DATASET: _dataset,
    SCAN: _scanned,
}
