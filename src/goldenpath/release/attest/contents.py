"""Controls of the verifier that look at the content of a statement.

A good signature only proves who signed. These controls check what was signed: which build made the
release, from which repository and data, and with which results.
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

JOB = ("buildDefinition", "internalParameters", "job")
"""Where the provenance says which CI job built the release."""
_REBUILD = "build the release again from data and code that belong together"


def build_type(candidate: Candidate, _demand: Demand) -> str | None:
    """The provenance has the one build type that this verifier understands."""
    if candidate.predicate_type != PROVENANCE:
        return None
    got = member(dict(candidate.predicate), "buildDefinition", "buildType")
    return None if got == BUILD_TYPE else f"its build type is {got!r}, expected {BUILD_TYPE}"


def parameters(candidate: Candidate, _demand: Demand) -> str | None:
    """The provenance has no unknown external parameter, which could change the build (SLSA v1)."""
    if candidate.predicate_type != PROVENANCE:
        return None
    got = member(dict(candidate.predicate), "buildDefinition", "externalParameters")
    if not isinstance(got, dict):
        return "it has no external parameters of the build"
    unknown = sorted(set(got) - EXTERNAL_PARAMETERS)
    return f"it has the unknown external parameter {unknown[0][:80]!r}" if unknown else None


def repository(candidate: Candidate, demand: Demand) -> str | None:
    """The release was built from the repository that the policy names."""
    expected = demand.policy.repository
    if candidate.predicate_type != PROVENANCE or expected is None:
        return None
    path = ("buildDefinition", "externalParameters", "repository")
    got = member(dict(candidate.predicate), *path)
    return None if got == expected else f"it was built from {got!r}, expected {expected}"


def builder(candidate: Candidate, demand: Demand) -> str | None:
    """The release was built by the builder, and by the CI job, that the policy names."""
    expected = demand.policy.builder
    if candidate.predicate_type != PROVENANCE:
        return None
    content = dict(candidate.predicate)
    got = member(content, "runDetails", "builder", "id")
    if expected is not None and got != expected:
        return f"it was built by {got!r}, expected {expected}"
    return demand.policy.job.difference(member(content, *JOB)) or None


def sbom(candidate: Candidate, demand: Demand) -> str | None:
    """The bill of materials describes this digest."""
    if candidate.predicate_type != SBOM:
        return None
    hashes = member(dict(candidate.predicate), "metadata", "component", "hashes")
    listed = hashes if isinstance(hashes, list) else []
    expected: dict[str, JsonValue] = {"alg": "SHA-256", "content": demand.digest.hex}
    return None if expected in listed else f"it describes another model: expected {demand.digest}"


def predicate(candidate: Candidate, _demand: Demand) -> str | None:
    """The evidence has content: an empty predicate with a good signature proves nothing."""
    form = _FORMS.get(candidate.predicate_type)
    return None if form is None else form(dict(candidate.predicate))


def test_result(
    _documents: object, statements: Sequence[SignedStatement], demand: Demand
) -> tuple[Finding, ...]:
    """The tests passed, according to the newest test result."""
    newest = newest_of(statements, TEST_RESULT)
    if newest is None or TEST_RESULT not in demand.policy.required:
        return ()
    content = newest.statement.predicate
    failed = _texts(content.get("failedTests"))
    if content.get("result") == "PASSED" and not failed:
        return (Finding("test result", "pass", f"the tests passed, signed by {newest.signer}"),)
    what = ", ".join(failed)[:200] or str(content.get("result"))[:80]
    cure = "fix the failing tests and build again"
    return (Finding("test result", "fail", f"the tests did not pass: {what}", cure),)


def scan(
    _documents: object, statements: Sequence[SignedStatement], demand: Demand
) -> tuple[Finding, ...]:
    """The newest scan found nothing, if the policy requires a scan."""
    newest = newest_of(statements, SCAN)
    if newest is None or SCAN not in demand.policy.required:
        return ()
    content = newest.statement.predicate
    problems = [*_listed(content.get("found")), *_listed(content.get("vulnerabilities"))]
    if not problems:
        note = "known vulnerabilities " + str(content.get("vulnerabilityScan"))[:40]
        return (Finding("scan", "pass", f"nothing was found; {note}"),)
    details = ", ".join(
        str(member(each, "detail") or member(each, "advisory"))[:80] for each in problems[:5]
    )
    cure = "remove what the scan found and build again"
    return (Finding("scan", "fail", f"the scan found {len(problems)}: {details}", cure),)


def agreement(
    _documents: object, statements: Sequence[SignedStatement], _demand: Demand
) -> tuple[Finding, ...]:
    """The described data is the data that the build read."""
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
    """Yield name and digest of each data set; "predicate" refuses those without a digest."""
    for dataset in _listed(signed.statement.predicate.get("datasets")):
        digest = member(dataset, "digest")
        if isinstance(digest, str):
            yield str(member(dataset, "name"))[:80], digest


def _metrics(content: dict[str, JsonValue]) -> str | None:
    metrics = _listed(content.get("metrics"))
    if not metrics:
        return "it has no metrics"
    for metric in metrics:
        name, value = member(metric, "name"), member(metric, "value")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        # A metric of a slice with only one class has no value, which is written as null.
        if not isinstance(name, str) or not (value is None or number):
            return "it has a metric without a name or a number"
    if all(member(each, "value") is None for each in metrics):
        return "none of its metrics has a value"
    return None


def _dataset(content: dict[str, JsonValue]) -> str | None:
    listed = _listed(content.get("datasets"))
    try:
        digests = [Digest(str(member(each, "digest"))) for each in listed]
    except InvalidInput as error:
        return f"it names data without a digest: {error.message}"
    return None if digests else "it names no data"


def _scanned(content: dict[str, JsonValue]) -> str | None:
    files = content.get("files")
    if not isinstance(files, int) or files < 1 or not isinstance(content.get("found"), list):
        return "it does not list the scanned files and the findings"
    # "Not scanned" is a valid result. "Scanned" without naming the advisories is not.
    if (content.get("vulnerabilityScan") == "scanned") != bool(content.get("advisories")):
        return "it does not name the advisories of its vulnerability scan"
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
