"""`VERIFY.md` of a bundle: the same checks as commands of other people's tools, to run as printed.

They need a POSIX shell, git, ssh-keygen, openssl and the coreutils. Every command stops the script
if it fails.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from goldenpath.audit.anchors.anchor_record import AnchorRecord, stamp_path
from goldenpath.audit.anchors.time_stamp import TimeStamp
from goldenpath.audit.proofs.release_statements import Selection
from goldenpath.canonical import JsonValue
from goldenpath.observe.log.segment import Checkpoint
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.p256 import to_pem
from goldenpath.release.attest.signatures.sshsig import STATEMENT_NAMESPACE
from goldenpath.release.attest.statement import PAYLOAD_TYPE

_BLOCK = "```"


@dataclass(frozen=True, slots=True)
class PageContent:
    """What the page is about."""

    proof: Mapping[str, JsonValue]
    checkpoint: Checkpoint
    record: AnchorRecord
    """What the witness signed."""
    placed_by: str
    """Who signed the commit that places the release."""
    platform: Platform
    selection: Selection
    stamp: TimeStamp | None = None
    """The time stamp of what the witness signed; None if there is none that counts."""


def allowed_signers(platform: Platform) -> str:
    """Return everybody whom `platform.toml` lists, in the format of ssh-keygen and git."""
    people = (*platform.people, *platform.commit_keys)
    return "".join(f"{_signer_line(person)}\n" for person in people)


def _signer_line(person: Person) -> str:
    options = [f'namespaces="git,{STATEMENT_NAMESPACE}"']
    if person.valid_from is not None:
        options.append(f'valid-after="{person.valid_from:%Y%m%d%H%M%S}Z"')
    if person.valid_until is not None:
        options.append(f'valid-before="{person.valid_until:%Y%m%d%H%M%S}Z"')
    return f"{person.name} {','.join(options)} {person.ssh_key}"


def render_page(content: PageContent) -> str:
    """Return the page."""
    return "\n".join(_lines(content)) + "\n"


def _lines(content: PageContent) -> Iterator[str]:
    proof = content.proof
    yield from (
        f"# Prediction {proof['prediction']}",
        "",
        f"Everything below rests on commit `{proof['trust']}` of the branch `main`",
        "of the gitops repository. Its `platform.toml` lists all keys. **Compare this commit with",
        "a source of your own**, such as a clone: `git merge-base --is-ancestor COMMIT main`.",
        f"It descends from commit `{proof['base']}`, which",
        "you may have noted before: so no history between the two was rewritten.",
        "Nothing else has to be believed, and no network is needed.",
        "",
        f"The witness `{proof['machine']}` held the record at",
        f"{content.record.time:%Y-%m-%dT%H:%M:%SZ}, by its own clock, in commit",
        f"`{proof['anchor']}` of the branch `anchors`.",
        "",
        "Two ways lead to the same answer. The short one is a program of 300 lines, which needs",
        "Python 3.11 or later and nothing else. Read it first:",
        "",
        *_script(f"python3 verify.py {proof['trust']}"),
        "The long one are the commands below, in one shell in this folder.",
    )
    if content.stamp is not None:
        yield from (
            "",
            f"An authority stamped what the witness signed at {_moment(content.stamp)}.",
            "`authority.pem` is its certificate: compare it with one of your own. `verify.py` does",
            "not check the stamp; section 4 does.",
        )
    yield from _left_out(content)
    yield from _section("1. No part of the bundle was changed on its way", _sums())
    yield from _section(
        "2. The commits are what their names say, and who signed them", _git(content)
    )
    yield from _section(
        "3. The checkpoint of the segment is signed by the log", _checkpoint(content)
    )
    yield from _section("4. The record is in the segment, and the segment is held", _trees(content))
    yield from _section("5. The release that answered is the one in the stage", _release(content))
    yield from _section("6. The statements about the release are signed", _statements(content))


def _script(*lines: str) -> Iterator[str]:
    yield from (f"{_BLOCK}sh", *lines, _BLOCK, "")


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield from ("", f"## {title}", "", *_script(*lines))


def _left_out(content: PageContent) -> Iterator[str]:
    if content.selection.left_out:
        yield from ("", "**Not in this bundle**, although it counts:", "")
        yield from (f"- {each}" for each in content.selection.left_out)


def _sums() -> Iterator[str]:
    yield "set -eu"
    yield "export LC_ALL=C"
    yield "sha256sum --check --quiet SHA256SUMS"


def _git(content: PageContent) -> Iterator[str]:
    proof = content.proof
    kind = "sha1" if len(str(proof["trust"])) == 40 else "sha256"
    yield 'work=$(mktemp -d); signers=$PWD/allowed_signers; export GIT_DIR="$work/git"'
    yield f"git init --quiet --bare --object-format={kind}"
    yield "for file in git/*; do"
    yield '  name=$(basename "$file"); kind=${name##*.}'
    yield '  made=$(git hash-object -t "$kind" -w --no-filters "$file")'
    yield '  test "$made.$kind" = "$name"'
    yield "done"
    yield "signed() {  # signed COMMIT NAME: this holder of a key signed the commit"
    yield '  git -c gpg.format=ssh -c gpg.ssh.allowedSignersFile="$signers" verify-commit "$1" \\'
    yield '    2>&1 | grep "^Good \\"git\\" signature for $2 with "'
    yield "}"
    for commit in dict.fromkeys((proof["key_commit"], proof["anchor"])):
        yield f"signed {commit} {proof['machine']}"
    yield f"signed {proof['placement']} {content.placed_by}"
    yield "# the commit on which everything rests descends from one that you may have noted before"
    yield f"commit={proof['trust']}"
    yield f'while test "$commit" != {proof["base"]}; do'
    yield '  commit=$(git cat-file commit "$commit" | sed -n "/^parent /{s///p;q}")'
    yield '  test -n "$commit"'
    yield "done"
    yield "# every signer is listed in the trusted commit, with this key"
    yield f'git cat-file blob {proof["trust"]}:platform.toml > "$work/platform.toml"'
    yield "while read -r name options kind key; do"
    yield '  grep -qF "\\"$kind $key\\"" "$work/platform.toml"'
    yield 'done < "$signers"'


def _checkpoint(content: PageContent) -> Iterator[str]:
    proof = content.proof
    kind = f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE}"
    yield """member() { sed -n 's/.*"'"$1"'" *: *"\\([^"]*\\)".*/\\1/p' "$2"; }"""
    yield "signed_by() {  # signed_by KEY FILE: the key signed the bundle; its payload is in $work"
    yield '  member payload "$2" | base64 -d > "$work/payload"'
    yield '  member sig "$2" | base64 -d > "$work/signature"'
    yield (
        f'  {{ printf \'{kind} %d \' "$(wc -c < "$work/payload")"; cat "$work/payload"; }} '
        '> "$work/signed"'
    )
    yield '  openssl dgst -sha256 -verify "$1" -signature "$work/signature" "$work/signed"'
    yield "}"
    path = f"machines/{proof['machine']}/log-keys/{proof['log_key']}"
    yield f'git cat-file blob {proof["key_commit"]}:{path} > "$work/log.pem"'
    yield 'signed_by "$work/log.pem" checkpoint.json'


def _trees(content: PageContent) -> Iterator[str]:
    proof, checkpoint = content.proof, content.checkpoint
    yield "leaf() { { printf '\\000'; cat \"$1\"; } | sha256sum | cut -c 1-64; }"
    yield 'bytes() { echo "$1" | tr a-f A-F | basenc --base16 -d; }'
    yield 'node() { { printf \'\\001\'; bytes "$1"; bytes "$2"; } | sha256sum | cut -c 1-64; }'
    rows = checkpoint.rows + 1
    for name, index in (("shared", 0), ("record", proof["index"])):
        yield f"h=$(leaf {name}.json)"
        yield from _steps(_number(index), rows, _texts(proof[f"{name}_proof"]))
        yield """grep -qF "\\"records\\":\\"sha256:$h\\"" "$work/payload\""""
    held = next(
        each
        for each in content.record.segments
        if (each.stage, each.model, each.replica)
        == (checkpoint.stage, checkpoint.model, checkpoint.replica)
    )
    yield "h=$(leaf checkpoint.json)"
    yield from _steps(checkpoint.number, held.number + 1, _texts(proof["segment_proof"]))
    yield (
        f"git cat-file blob {proof['anchor']}:machines/{proof['machine']}/heads.json "
        '> "$work/heads.json"'
    )
    entry = (
        f'"number":{held.number},"replica":"{held.replica}","stage":"{held.stage}","tree":"sha256:'
    )
    yield f'grep -qF {shlex.quote(entry)}"$h" "$work/heads.json"'
    if content.stamp is not None:
        yield f"# {content.stamp.authority} stamped the heads at {_moment(content.stamp)}"
        yield f"git cat-file blob {proof['anchor']}:{stamp_path(str(proof['machine']))} \\"
        yield '  > "$work/heads.tsr"'
        yield 'openssl ts -verify -data "$work/heads.json" -in "$work/heads.tsr" \\'
        yield (
            f"  -CAfile authority.pem -partial_chain -attime {content.stamp.time.timestamp():.0f}"
        )
    yield "# what all records of the segment share, and the values of this one"
    yield "cat shared.json; echo; cat record.json; echo"


def _steps(index: int, size: int, proof: Sequence[str]) -> Iterator[str]:
    """Yield the way from a leaf to the tree head (RFC 9162, section 2.1.3.2)."""
    place, last = index, size - 1
    for step in proof:
        is_right = bool(place & 1) or place == last
        yield f'h=$(node {step} "$h")' if is_right else f'h=$(node "$h" {step})'
        while is_right and not place & 1 and place:
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1


def _release(content: PageContent) -> Iterator[str]:
    proof, checkpoint = content.proof, content.checkpoint
    folder = f"envs/{checkpoint.stage}/{checkpoint.model}"
    yield "release=sha256:$(sha256sum release.json | cut -c 1-64)"
    yield 'grep -qF "\\"release_digest\\":\\"$release\\"" shared.json'
    yield f"git ls-tree -r {proof['placement']} {folder}/ | while read -r mode kind id path; do"
    yield '  git cat-file blob "$id"'
    yield 'done | grep -qF "$release"'


def _statements(content: PageContent) -> Iterator[str]:
    keys = {key.name: key for key in content.platform.build_keys}
    for entry in content.selection.kept:
        kind, signer = entry.statement.statement.predicate_type, entry.statement.signer
        yield f"# {kind}, signed by {signer}"
        if entry.statement.kind == "person":
            yield f'cp {entry.name} "$work/payload"'
            yield (
                f"ssh-keygen -Y verify -f allowed_signers -I {signer} -n {STATEMENT_NAMESPACE} "
                f"-s {entry.name}.sig < {entry.name}"
            )
        else:
            yield "cat > \"$work/key.pem\" <<'END'"
            yield from (*to_pem(keys[signer].public_key).splitlines(), "END")
            yield f'signed_by "$work/key.pem" {entry.name}'
            middle = to_pem(keys[signer].public_key).splitlines()[1]
            yield f'grep -qF {middle} "$work/platform.toml"'
        member = shlex.quote(f'"predicateType":"{kind}"')
        yield f'grep -qF {member} "$work/payload"'
        yield 'grep -qF "\\"sha256\\":\\"${release#sha256:}\\"" "$work/payload"'
    yield "echo everything holds"


def _moment(stamp: TimeStamp) -> str:
    return f"{stamp.time:%Y-%m-%dT%H:%M:%SZ}"


def _number(value: JsonValue) -> int:
    return value if isinstance(value, int) else -1


def _texts(value: JsonValue) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
