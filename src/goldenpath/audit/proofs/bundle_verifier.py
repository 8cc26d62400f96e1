"""Verifies a bundle about one prediction, by Python alone: python3 verify.py [COMMIT [EARLIER]]

Everything rests on one commit of `main`: name the COMMIT you know, and one EARLIER in its history.
"""

import base64
import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Table = dict[str, Any]
Point = tuple[int, ...]
Q, P = 2**255 - 19, 2**256 - 2**224 + 2**192 + 2**96 - 1
D = -121665 * pow(121666, -1, Q) % Q
L = 2**252 + 27742317777372353535851937790883648493
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)  # fmt: skip


class Refused(Exception):
    """A part of the bundle is missing or wrong."""


def require(holds: object, part: str, reason: str) -> None:
    if not holds:
        raise Refused(f"{part} {reason}")


class BundleFiles:
    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files, self.last = files, "SHA256SUMS"

    def read(self, name: str) -> bytes:
        self.last = name
        require(name in self.files, name, "is missing")
        return self.files[name]

    def object(self, kind: str, name: str) -> bytes:
        content = self.read(f"git/{name}.{kind}")
        hashed = hashlib.new("sha1" if len(name) == 40 else "sha256", usedforsecurity=False)
        hashed.update(f"{kind} {len(content)}\0".encode() + content)
        require(hashed.hexdigest() == name, self.last, "is another object than its name says")
        return content

    def entries(self, commit: str, folder: str) -> dict[str, str]:
        tree = self.object("commit", commit)[5:].split(b"\n")[0].decode()
        names, entry = {"": tree}, rb"\d+ ([^\0]+)\0(.{%d})" % (len(tree) // 2)
        for name in ["", *filter(None, folder.split("/"))]:
            require(name in names, self.last, f"has no {name}")
            listed = re.findall(entry, self.object("tree", names[name]), re.DOTALL)
            names = {each.decode(): identity.hex() for each, identity in listed}
        return names

    def file(self, commit: str, path: str) -> bytes:
        folder, _, name = path.rpartition("/")
        return self.object("blob", self.entries(commit, folder)[name])


def root(leaf: bytes, index: int, size: int, proof: Sequence[str]) -> str:
    """Return the tree head that an inclusion proof leads to (RFC 9162, section 2.1.3.2)."""
    place, last, node = index, size - 1, hashlib.sha256(b"\0" + leaf).digest()
    for step in map(bytes.fromhex, proof):
        is_right = place & 1 or place == last
        node = hashlib.sha256(b"\1" + (step + node if is_right else node + step)).digest()
        while is_right and not place & 1 and place:
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    return f"sha256:{node.hex()}" if last == 0 and 0 <= index < size else "a proof of another tree"


def times(add: Callable[[Any, Any], Any], point: Any, factor: int, total: Any) -> Any:
    while factor:
        total = add(total, point) if factor & 1 else total
        point, factor = add(point, point), factor >> 1
    return total


def edwards_add(one: Point, two: Point) -> Point:
    (a, b, e), (c, d, f) = one, two
    unit, x, y = e * f % Q, a * c % Q, b * d % Q
    low, high = (unit * unit - D * x * y) % Q, (unit * unit + D * x * y) % Q
    return unit * low * (a * d + b * c) % Q, unit * high * (x + y) % Q, low * high % Q


def edwards_point(content: bytes) -> Point:
    """Decompress a point (RFC 8032, section 5.1.3). Raises `ValueError`."""
    number = int.from_bytes(content, "little")
    y = number & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, Q) % Q
    x = pow(square, (Q + 3) // 8, Q)
    x = x if x * x % Q == square else x * pow(2, (Q - 1) // 4, Q) % Q
    if y >= Q or x * x % Q != square or len(content) != 32:
        raise ValueError("a point that is not on the curve")
    return (x if x & 1 == number >> 255 else -x % Q), y, 1


def is_ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature is good (RFC 8032, section 5.1.7)."""
    start, factor = signature[:32], int.from_bytes(signature[32:], "little")
    hashed = int.from_bytes(hashlib.sha512(start + key + message).digest(), "little") % L
    a, b, unit = times(edwards_add, edwards_point(key), hashed, edwards_point(start))
    c, d, other = times(edwards_add, edwards_point(b"X" + b"f" * 31), factor, (0, 1, 1))
    return factor < L and (a * other - c * unit) % Q == (b * other - d * unit) % Q == 0


def p256_add(one: Point | None, two: Point | None) -> Point | None:
    if one is None or two is None:
        return one or two
    (a, b), (c, d) = one, two
    rise, run = (3 * a * a - 3, 2 * b) if one == two else (d - b, c - a)
    if run % P == 0:
        return None
    slope = rise * pow(run, -1, P)
    x = (slope * slope - a - c) % P
    return x, (slope * (a - x) - b) % P


def is_p256(key: bytes, message: bytes, r: int, s: int) -> bool:
    """Whether a signature is good (FIPS 186-5, section 6.4.2, with SHA-256)."""
    x, y = int.from_bytes(key[1:33], "big"), int.from_bytes(key[33:], "big")
    if len(key) != 65 or key[0] != 4 or (y * y - x**3 + 3 * x - B) % P or not 0 < r < N > s > 0:
        return False
    hashed = int.from_bytes(hashlib.sha256(message).digest(), "big")
    total = times(p256_add, G, hashed * pow(s, -1, N) % N, None)
    total = times(p256_add, (x, y), r * pow(s, -1, N) % N, total)
    return total is not None and total[0] % N == r


def is_rsa(key: Sequence[bytes], hashed: bytes, signature: bytes) -> bool:
    """Whether a signature over a SHA-512 is good (RFC 8017, section 8.2.2)."""
    exponent, modulus = (int.from_bytes(each, "big") for each in key)
    tail = bytes.fromhex("003051300d060960864801650304020305000440") + hashed
    padded = b"\1" + b"\xff" * (-(-modulus.bit_length() // 8) - len(tail) - 2) + tail
    made = pow(int.from_bytes(signature, "big"), exponent, modulus)
    return modulus >> 2047 > 0 and made == int.from_bytes(padded, "big")


def strings(content: bytes) -> list[bytes]:
    size = int.from_bytes(content[:4], "big") + 4
    return [content[4:size], *strings(content[size:])] if content else []


def ssh_key(armoured: bytes, message: bytes, namespace: str, part: str) -> str:
    """Return the public key, in base64, that signed a message (OpenSSH, PROTOCOL.sshsig)."""
    blob = base64.b64decode(armoured.translate(None, b" \n")[27:-25], validate=True)
    key, space, reserved, hash_name, signature = strings(blob[10:])
    known = blob[:10] == b"SSHSIG\0\0\0\1" and hash_name in (b"sha256", b"sha512")
    require(known and space == namespace.encode(), part, "has a signature of another kind")
    fields = (space, reserved, hash_name, hashlib.new(hash_name.decode(), message).digest())
    signed = b"SSHSIG" + b"".join(len(each).to_bytes(4, "big") + each for each in fields)
    (kind, *rest), (algorithm, value, *_) = strings(key), strings(signature)
    holds = False
    if kind == b"ssh-rsa" and algorithm == b"rsa-sha2-512":
        holds = is_rsa(rest, hashlib.sha512(signed).digest(), value)
    elif kind == b"ecdsa-sha2-nistp256":
        holds = is_p256(rest[1], signed, *(int.from_bytes(each, "big") for each in strings(value)))
    elif kind == b"ssh-ed25519":
        holds = is_ed25519(rest[0], signed, value)
    elif kind == b"sk-ssh-ed25519@openssh.com" and signature[-5] & 1:  # its token was touched
        token = hashlib.sha256(rest[1]).digest() + signature[-5:]
        holds = is_ed25519(rest[0], token + hashlib.sha256(signed).digest(), value)
    require(holds, part, "does not match its signature")
    return base64.b64encode(key).decode()


def payload_of(bundle: bytes, pem: str, part: str) -> bytes:
    """Return the payload of a Sigstore bundle that a key on P-256 signed (DSSE v1)."""
    envelope = json.loads(bundle)["dsseEnvelope"]
    kind, payload = envelope["payloadType"], base64.b64decode(envelope["payload"])
    signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    der = base64.b64decode("".join(pem.strip().splitlines()[1:-1]))
    value = base64.b64decode(envelope["signatures"][0]["sig"])
    r, s = (int.from_bytes(each, "big") for each in (value[4:][: value[3]], value[6 + value[3] :]))
    require(len(der) == 91 and is_p256(der[26:], signed, r, s), part, "is not signed by its key")
    return payload


def holder(tables: Sequence[Table], key: str, moment: datetime, part: str) -> str:
    """Return the name under which platform.toml lists a key that was valid at the time."""
    for each in tables:
        if key == (each["ssh-key"].split()[1] if "ssh-key" in each else each["name"]):
            ends = [each[name] for name in ("valid-until", "revoked-at") if name in each]
            valid = each.get("valid-from", moment) <= moment and all(moment < end for end in ends)
            require(valid, part, f"was signed by {each['name']} outside of the time of the key")
            return str(each["name"])
    raise Refused(f"{part} is signed by a key that platform.toml does not list for it")


def commit_signer(parts: BundleFiles, commit: str, tables: Sequence[Table]) -> tuple[str, datetime]:
    """Return who signed a commit, and the time that it claims."""
    content = parts.object("commit", commit)
    head, part = content.split(b"\n\n")[0], parts.last
    [armoured] = re.findall(rb"\ngpgsig (.*(?:\n .*)*)", head)
    [seconds] = re.findall(rb"\ncommitter .*> (\d+) [+-]\d{4}", head)
    key = ssh_key(armoured, content.replace(b"\ngpgsig " + armoured, b"", 1), "git", part)
    moment = datetime.fromtimestamp(int(seconds), UTC)
    return holder(tables, key, moment, part), moment


def proven_record(parts: BundleFiles, proof: Table, witnesses: Sequence[Table]) -> Table:
    """Return the record: it is in a segment, and the segment in heads that a witness signed."""
    folder = f"machines/{proof['machine']}"
    for commit in (proof["key_commit"], proof["anchor"]):
        signer, moment = commit_signer(parts, commit, witnesses)
        require(signer == proof["machine"], f"git/{commit}.commit", f"is signed by {signer}")
    heads = json.loads(parts.file(proof["anchor"], f"{folder}/heads.json"))
    pem = parts.file(proof["key_commit"], f"{folder}/log-keys/{proof['log_key']}").decode()
    content = parts.read("checkpoint.json")
    sealed = json.loads(payload_of(content, pem, "checkpoint.json"))["predicate"]
    place = {name: sealed[name] for name in ("stage", "model", "replica")}
    [head] = [each for each in heads["segments"] if place.items() <= each.items()]
    tree = root(content, sealed["number"], head["number"] + 1, proof["segment_proof"])
    require(tree == head["tree"], "checkpoint.json", "is not in the heads that the witness signed")
    leaves = []
    for name, index in (("shared", 0), ("record", proof["index"])):
        leaf = parts.read(f"{name}.json")
        tree = root(leaf, index, sealed["rows"] + 1, proof[f"{name}_proof"])
        require(tree == sealed["records"], f"{name}.json", "is not in its segment")
        leaves.append(json.loads(leaf))
    record = {**leaves[0]["shared"], **dict(zip(leaves[0]["columns"], leaves[1], strict=True))}
    require(record["prediction_id"] == proof["prediction"], "record.json", "is another prediction")
    return {**record, "held by": f"{proof['machine']} in commit {proof['anchor']} of {moment}"}


def statement_line(parts: BundleFiles, entry: Table, release: str, platform: Table) -> str:
    name, tables, key = entry["file"], platform["build-key"], entry["signer"]
    payload = parts.read(name)
    if entry["kind"] == "person":
        key = ssh_key(parts.read(f"{name}.sig"), payload, "goldenpath", name)
        tables = platform["person"]
    else:
        [pem] = [each["public-key"] for each in tables if each["name"] == key]
        payload = payload_of(payload, pem, name)
    statement = json.loads(payload)
    subject, kind = statement["subject"][0], statement["predicateType"]
    about = (f"sha256:{subject['digest']['sha256']}", kind)
    require(about == (release, entry["type"]), name, "is about something else")
    time = subject["annotations"]["goldenpath.example/signed-at"]
    return f"{kind}: {holder(tables, key, datetime.fromisoformat(time), name)} signed it at {time}"


def facts(parts: BundleFiles, known: str, earlier: str) -> Iterator[str]:
    lines = parts.read("SHA256SUMS").decode().splitlines()
    for name in sorted({*parts.files, *(line[66:] for line in lines)} - {"SHA256SUMS"}):
        line = f"{hashlib.sha256(parts.read(name)).hexdigest()}  {name}"
        require(line in lines, name, "differs from SHA256SUMS")
    proof = json.loads(parts.read("proof.json"))
    trust, placed = proof["trust"], proof["placement"]
    require(known in ("", trust), "proof.json", f"rests on commit {trust} and not on {known}")
    platform = tomllib.loads(parts.file(trust, "platform.toml").decode())
    witnesses = [each for each in platform["machine"] if "witness" in each["roles"]]
    signers = [each for each in platform["person"] + platform["machine"] if each not in witnesses]
    yield f"everything rests on commit {trust} of main: compare it"
    record = proven_record(parts, proof, witnesses)
    yield from (f"{name}: {value}" for name, value in record.items() if value is not None)
    release = record["release_digest"]
    digest = f"sha256:{hashlib.sha256(parts.read('release.json')).hexdigest()}"
    require(digest == release, "release.json", "is another release than the record's")
    require("sign/v1" in str(proof["statements"]), "proof.json", "names no signed release")
    yield from (statement_line(parts, each, release, platform) for each in proof["statements"])
    signer, moment = commit_signer(parts, placed, signers)
    folder = parts.entries(placed, f"envs/{record['stage']}/{record['model']}").values()
    placing = [each for each in folder if release.encode() in parts.object("blob", each)]
    require(placing, f"git/{placed}.commit", "does not place the release in the stage")
    yield f"commit {placed} of {moment}, signed by {signer}, places the release in the stage"
    for first, path in ((placed, proof["lineage"]), (proof["base"], proof["chain"])):
        history = {first}
        for commit in (first, *path, trust):
            head = parts.object("commit", commit).split(b"\n\n")[0].decode()
            history |= {commit} if history & set(re.findall(r"\nparent (\w+)", head)) else set()
        shown = "" if trust in history else "NOT SHOWN: "
        yield f"{shown}commit {trust} descends from commit {first}"
    require(not earlier or {earlier, trust} <= history, "the chain", f"lacks {earlier}")


def verify(files: Mapping[str, bytes], known: str = "", earlier: str = "") -> list[str]:
    """Return what a bundle proves. Raises `Refused`, which names the part that is wrong."""
    parts = BundleFiles(files)
    try:
        return list(facts(parts, known, earlier))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise Refused(f"{parts.last} is malformed: {error!r}") from error


if __name__ == "__main__":
    here = Path(__file__).parent
    found = {each.relative_to(here): each for each in here.rglob("*") if each.is_file()}
    try:
        files = {name.as_posix(): path.read_bytes() for name, path in found.items()}
        print(*verify(files, *sys.argv[1:3]), "everything holds", sep="\n")
    except Refused as refusal:
        sys.exit(f"REFUSED: {refusal}")
