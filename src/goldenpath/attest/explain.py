"""Each check of the verifier as shell commands of other people's tools.

The script needs `oras`, `sha256sum`, `sed`, `base64` and `openssl`, for people's statements
`ssh-keygen`, and `cosign` where the release is in a registry. It stops at the first check that
fails.
"""

import shlex
from collections.abc import Iterator, Sequence

from goldenpath.attest.bundle import key_hint
from goldenpath.attest.documents import Candidate, Documents, read_candidate
from goldenpath.attest.p256 import to_pem
from goldenpath.attest.policy import Person, Policy, Verified
from goldenpath.attest.sshsig import STATEMENT_NAMESPACE
from goldenpath.attest.statement import PAYLOAD_TYPE, SIGNED
from goldenpath.digest import Digest
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.manifest import Manifest


def explain(
    verified: Verified,
    documents: Documents,
    policy: Policy,
    people: Sequence[Person],
    location: str,
) -> str:
    """A POSIX shell script that repeats the checks which `verified` passed.

    `location` is what `oras` takes in front of `@sha256:…`: `host/repository`, or
    `--oci-layout FOLDER`.
    """
    lines = [
        "set -eu",
        'work=$(mktemp -d); cd "$work"',
        *_keys(verified, policy),
        "",
        "# the manifest has the digest that was asked for, and every blob has its own",
        f"oras manifest fetch {location}@{verified.subject} > image.json",
        _sha256(verified.subject, "image.json"),
    ]
    image = Manifest.parse(documents.image)
    for blob in (image.config, *image.layers):
        lines.append(f"oras blob fetch {location}@{blob.digest} --output blob")
        lines.append(f'{_sha256(blob.digest, "blob")} && test "$(wc -c < blob)" -eq {blob.size}')
    counted = {statement.envelope: statement for statement in verified.statements}
    for document in documents.referrers:
        statement = counted.get(document.listed.digest)
        if statement is None:
            continue
        candidate = read_candidate(document)
        lines += ["", f"# {candidate.predicate_type}, signed by {statement.signer}"]
        lines += _referrer(candidate, location)
        if candidate.kind == "person":
            lines += _person(candidate, people, statement.signer, location)
        else:
            lines += _bundle(candidate, statement.signer, location)
        lines.append(f"grep -q {verified.subject.hex} payload")
        lines.append(f"grep -qF {shlex.quote(_quoted(candidate.predicate_type))} payload")
    if not location.startswith("--oci-layout"):
        lines += _cosign(verified, policy, location)
    return "\n".join([*lines, "echo everything holds"])


def _keys(verified: Verified, policy: Policy) -> Iterator[str]:
    used = {statement.signer for statement in verified.statements}
    for key in policy.keys:
        if key.name in used:
            yield f"# {key.name}: bundles hint at it as {key_hint(key.public_key)}"
            pem = to_pem(key.public_key).rstrip("\n")
            yield f"cat > {_file(key.name)} <<'END'\n{pem}\nEND"


def _referrer(candidate: Candidate, location: str) -> Iterator[str]:
    listed = candidate.document.listed
    yield f"oras manifest fetch {location}@{listed.digest} > referrer.json"
    yield _sha256(listed.digest, "referrer.json")


def _bundle(candidate: Candidate, signer: str, location: str) -> Iterator[str]:
    [layer] = candidate.manifest.layers
    yield from _fetched(layer, "bundle.json", location)
    yield _member("payload") + " | base64 -d > payload"
    yield _member("sig") + " | base64 -d > signature"
    kind = f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE}"
    yield f"{{ printf '{kind} %d ' \"$(wc -c < payload)\"; cat payload; }} > signed"
    yield f"openssl dgst -sha256 -verify {_file(signer)} -signature signature signed"


def _person(
    candidate: Candidate, people: Sequence[Person], signer: str, location: str
) -> Iterator[str]:
    payload, signature = candidate.manifest.layers
    yield from _fetched(payload, "payload", location)
    yield from _fetched(signature, "payload.sig", location)
    for person in people:
        if person.name == signer:
            name = person.name.replace(" ", "-")
            yield f"echo {shlex.quote(f'{name} {person.ssh_key}')} > signers"
            yield (
                f"ssh-keygen -Y verify -f signers -I {shlex.quote(name)} -n {STATEMENT_NAMESPACE} "
                "-s payload.sig < payload"
            )


def _cosign(verified: Verified, policy: Policy, location: str) -> Iterator[str]:
    yield from ("", "# the same by cosign (which does not look at time, repository or threshold)")
    options = "--insecure-ignore-tlog=true"
    for key in policy.keys:
        kinds = sorted(
            {s.statement.predicate_type for s in verified.statements if s.signer == key.name}
        )
        for kind in kinds:
            what = "verify" if kind == SIGNED else f"verify-attestation --type {kind}"
            yield f"cosign {what} --key {_file(key.name)} {options} {location}@{verified.subject}"


def _fetched(blob: Descriptor, name: str, location: str) -> Iterator[str]:
    yield f"oras blob fetch {location}@{blob.digest} --output {name}"
    yield _sha256(blob.digest, name)


def _sha256(digest: Digest, name: str) -> str:
    return f"echo '{digest.hex}  {name}' | sha256sum --check --quiet"


def _member(name: str) -> str:
    """Base64 has no quotation marks, so no JSON tool is needed."""
    return f"""sed -n 's/.*"{name}" *: *"\\([^"]*\\)".*/\\1/p' bundle.json"""


def _file(name: str) -> str:
    return shlex.quote("".join(c if c.isalnum() else "-" for c in name) + ".pub")


def _quoted(text: str) -> str:
    return f'"{text}"'
