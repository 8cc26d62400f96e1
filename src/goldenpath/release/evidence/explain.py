"""The checks of the verifier as a shell script that uses only other people's tools.

For an image layout the script needs `sha256sum`, `sed`, `base64`, `openssl`, and `ssh-keygen` for
statements of people. For a registry it needs `oras` and `cosign` too. It stops at the first check
that fails. Each `grep` looks for a member with its quotation marks. A text inside JSON cannot
contain those unescaped, so it cannot be mistaken for the member.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldenpath.oci.manifest import Manifest
from goldenpath.release.attest.bundle import key_hint
from goldenpath.release.attest.documents import Candidate, Documents, read_candidate
from goldenpath.release.attest.policy import Person, Policy, SignedStatement, TrustedKey, Verified
from goldenpath.release.attest.signatures.p256 import to_pem
from goldenpath.release.attest.statement import (
    DATASET,
    PAYLOAD_TYPE,
    PROVENANCE,
    SBOM,
    SCAN,
    SIGNED,
    SIGNED_AT,
    STATEMENT_TYPE,
    TEST_RESULT,
    member,
    render_time,
)


@dataclass(frozen=True, slots=True)
class ReleaseLocation:
    """The place of the release: the folder of an image layout, or a repository."""

    folder: str = ""
    repository: str = ""
    """Host and path."""
    plain_http: bool = False


def explain(
    verified: Verified,
    documents: Documents,
    policy: Policy,
    people: Sequence[Person],
    *,
    place: ReleaseLocation,
) -> str:
    """Return a POSIX shell script that repeats the checks behind `verified`."""
    lines = [
        "set -eu",
        "export LC_ALL=C",
        *_start(place),
        *_functions(place),
        *_keys(verified, policy),
        "",
        "# the manifest has the requested digest, and every blob has its digest and size",
        f"manifest {verified.subject.hex} image.json",
    ]
    image = Manifest.parse(documents.image)
    lines += [
        f'blob {blob.digest.hex} blob\ntest "$(wc -c < blob)" -eq {blob.size}'
        for blob in (image.config, *image.layers)
    ]
    counted = {statement.envelope: statement for statement in verified.statements}
    for document in documents.referrers:
        statement = counted.get(document.listed.digest)
        if statement is not None:
            lines += _statement(read_candidate(document), statement, policy, people)
    lines += _whole(policy)
    if place.repository:
        lines += _cosign(verified, policy, place)
    return "\n".join([*lines, "echo everything holds"])


def _start(place: ReleaseLocation) -> Iterator[str]:
    if place.folder:
        yield f"layout=$(cd {shlex.quote(place.folder)} && pwd)"
    yield 'work=$(mktemp -d); trap \'rm -rf "$work"\' EXIT; cd "$work"; : > counted'


def _functions(place: ReleaseLocation) -> Iterator[str]:
    check = """echo "$1  $2" | sha256sum --check --quiet"""
    for name in ("manifest", "blob"):
        if place.folder:
            fetch = 'cp "$layout/blobs/sha256/$1" "$2"'
        else:
            plain = "--plain-http " if place.plain_http else ""
            fetch = f'oras {name} fetch {plain}{shlex.quote(place.repository)}@"sha256:$1"'
            fetch += ' --output "$2"'
        yield f"{name}() {{ {fetch} && {check}; }}"
    yield """member() { sed -n 's/.*"'"$1"'" *: *"\\([^"]*\\)".*/\\1/p' "$2"; }"""
    # DSSE signs type and length with the payload, so no byte can move from one to the other.
    kind = f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE}"
    yield "signed_by() {"
    yield "  member payload bundle.json | base64 -d > payload"
    yield "  member sig bundle.json | base64 -d > signature"
    yield f"  {{ printf '{kind} %d ' \"$(wc -c < payload)\"; cat payload; }} > signed"
    yield '  openssl dgst -sha256 -verify "$1" -signature signature signed'
    yield "}"
    yield 'says() { grep -qF -e "$1" payload; }'
    member_pattern = SIGNED_AT.replace("/", ".")
    yield f"""when() {{ sed -n 's/.*"{member_pattern}":"\\([^"]*\\)".*/\\1/p' payload; }}"""
    yield 'signed_at() { moment=$(when); echo "${moment:-$(date -u +%Y-%m-%dT%H:%M:%SZ)}"; }'
    yield """before() { expr "$(signed_at)" '<' "$1" > /dev/null; }"""
    yield """not_before() { expr "$(signed_at)" '>=' "$1" > /dev/null; }"""


def _keys(verified: Verified, policy: Policy) -> Iterator[str]:
    used = {statement.signer for statement in verified.statements}
    for key in policy.keys:
        if key.name in used:
            yield f"# {key.name}: its hint in bundles is {key_hint(key.public_key)}"
            yield f"cat > {_file(key.name)} <<'END'\n{to_pem(key.public_key).rstrip()}\nEND"


def _statement(
    candidate: Candidate, counted: SignedStatement, policy: Policy, people: Sequence[Person]
) -> Iterator[str]:
    kind, subject = candidate.predicate_type, candidate.manifest.subject
    yield from ("", f"# {kind}, signed by {counted.signer}")
    yield f"manifest {candidate.document.listed.digest.hex} referrer.json"
    if subject is not None:
        yield f"grep -qF '\"{subject.digest}\"' referrer.json"
    if candidate.kind == "person":
        yield from _person(candidate, people, counted.signer)
    else:
        [layer] = candidate.manifest.layers
        yield f"blob {layer.digest.hex} bundle.json"
        yield f"signed_by {_file(counted.signer)}"
        for key in policy.keys:
            if key.name == counted.signer:
                yield from _period(key.valid_from, key.valid_until, key)
    yield _says("_type", STATEMENT_TYPE)
    yield _says("predicateType", kind)
    if subject is not None:
        yield f"""says '"digest":{{"sha256":"{subject.digest.hex}"}}'"""
    yield from _content(candidate, policy)
    yield f"echo {shlex.quote(f'{kind} {counted.signer}')} >> counted"


def _person(candidate: Candidate, people: Sequence[Person], signer: str) -> Iterator[str]:
    from goldenpath.release.attest.signatures.sshsig import STATEMENT_NAMESPACE

    payload, signature = candidate.manifest.layers
    yield f"blob {payload.digest.hex} payload"
    yield f"blob {signature.digest.hex} payload.sig"
    for person in people:
        if person.name == signer:
            yield f"echo {shlex.quote(f'{signer} {person.ssh_key}')} > signers"
            yield (
                f"ssh-keygen -Y verify -f signers -I {shlex.quote(signer)} "
                f"-n {STATEMENT_NAMESPACE} -s payload.sig < payload"
            )
            yield from _period(person.valid_from, person.valid_until, None)


def _period(start: datetime | None, end: datetime | None, key: TrustedKey | None) -> Iterator[str]:
    if start is not None:
        yield f"not_before {render_time(start)}"
    if end is not None:
        yield f"before {render_time(end)}"
    if key is not None and key.revoked_at is not None:
        yield f"before {render_time(key.revoked_at)}  # revoked"


def _content(candidate: Candidate, policy: Policy) -> Iterator[str]:
    match candidate.predicate_type:
        case kind if kind == PROVENANCE:
            yield "cp payload provenance"
            if policy.repository is not None:
                yield _says("repository", policy.repository)
            if policy.builder is not None:
                yield _says("id", policy.builder)
            yield from (_says(name, str(text)) for name, text in policy.job.record().items())
        case kind if kind == SBOM:
            [digest, *_] = candidate.subjects
            yield f"""says '"hashes":[{{"alg":"SHA-256","content":"{digest}"}}]'"""
        case kind if kind == TEST_RESULT:
            yield _says("result", "PASSED")
        case kind if kind == SCAN and SCAN in policy.required:
            # One line each: `set -e` ignores a failure on the left of `&&`.
            yield from ("says '\"found\":[]'", "says '\"vulnerabilities\":[]'")
        case kind if kind == DATASET:
            listed = candidate.predicate.get("datasets")
            digests = [
                member(each, "digest") for each in (listed if isinstance(listed, list) else [])
            ]
            yield from (f"echo {shlex.quote(str(each)[7:])} >> data" for each in digests)


def _whole(policy: Policy) -> Iterator[str]:
    yield from ("", f"# {policy.threshold} different keys signed, all required evidence is there")
    count = f"sort -u counted | grep -cF {shlex.quote(SIGNED + ' ')}"
    yield f'test "$({count})" -ge {policy.threshold}'
    for kind in policy.required:
        if kind != SIGNED:
            yield f"grep -qF {shlex.quote(kind + ' ')} counted"
    yield "# the described data are those that the build read"
    yield "touch data provenance"
    yield 'while read -r one; do grep -qF "\\"$one\\"" provenance; done < data'


def _cosign(verified: Verified, policy: Policy, place: ReleaseLocation) -> Iterator[str]:
    yield from ("", "# the same with cosign 3, which checks neither time, repository nor threshold")
    options = "--insecure-ignore-tlog=true" + (" --allow-http-registry" if place.plain_http else "")
    for key in policy.keys:
        kinds = {s.statement.predicate_type for s in verified.statements if s.signer == key.name}
        for kind in sorted(kinds):
            what = "verify" if kind == SIGNED else f"verify-attestation --type {kind}"
            target = f"{place.repository}@{verified.subject}"
            yield f"cosign {what} --key {_file(key.name)} {options} {target} > /dev/null"


def _says(name: str, value: str) -> str:
    written = f'"{name}":"{value}"'
    return f"says {shlex.quote(written)}"


def _file(name: str) -> str:
    return shlex.quote("".join(c if c.isalnum() else "-" for c in name) + ".pub")
