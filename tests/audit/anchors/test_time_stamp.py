"""Time stamps of an authority: what counts, every way to cheat, and an authority that is away."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.audit.anchors.stamping import TimeStamper
from goldenpath.audit.anchors.time_stamp import check_stamp, stamp_request
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.http.posting import Poster
from tests.audit.anchors.authority import Authority, answering, found
from tests.sizes import at_size

CONTENT = b'{"count":3}\n'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with answering(found(tmp_path_factory.mktemp("authority") / "one")) as running:
        yield running


@pytest.fixture(scope="module")
def reply(authority: Authority) -> bytes:
    return authority.stamp(stamp_request(CONTENT, 7).encoded)


def test_a_request_is_what_openssl_asks(tmp_path: Path) -> None:
    file = tmp_path / "content"
    file.write_bytes(CONTENT)
    command = ["openssl", "ts", "-query", "-data", str(file), "-sha256", "-cert", "-no_nonce"]
    theirs = subprocess.run(command, check=True, capture_output=True).stdout
    ours = stamp_request(CONTENT, 7).encoded

    # Ours has a nonce of three bytes more before its last member.
    assert ours == bytes([0x30, theirs[1] + 3]) + theirs[2:-3] + b"\x02\x01\x07" + theirs[-3:]


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_stamp_of_a_pinned_authority_counts(tmp_path: Path, kind: str) -> None:
    authority = found(tmp_path / "authority", kind=kind)
    answer = authority.stamp(stamp_request(CONTENT, 7).encoded)

    stamp = check_stamp(answer, CONTENT, authority.certificate.read_bytes(), 7)

    assert stamp.authority == "CN=authority"
    assert abs(datetime.now(UTC) - stamp.time) < timedelta(minutes=5)


def test_a_stamp_of_something_else_does_not_count(authority: Authority, reply: bytes) -> None:
    pinned = authority.certificate.read_bytes()
    assert check_stamp(reply, CONTENT, pinned, 7)

    with pytest.raises(VerificationError, match="about other bytes"):
        check_stamp(reply, CONTENT + b" ", pinned)
    with pytest.raises(VerificationError, match="answers another request"):
        check_stamp(reply, CONTENT, pinned, 8)


def test_another_authority_of_the_same_name_does_not_count(reply: bytes, tmp_path: Path) -> None:
    other = found(tmp_path / "other").certificate.read_bytes()

    with pytest.raises(VerificationError, match="not signed by the pinned certificate"):
        check_stamp(reply, CONTENT, other)


def test_a_certificate_for_something_else_is_refused(reply: bytes, tmp_path: Path) -> None:
    file = tmp_path / "plain.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=authority", "-keyout", str(tmp_path / "key"), "-out", str(file),
         "-addext", "extendedKeyUsage=serverAuth"],
        check=True, capture_output=True,
    )  # fmt: skip
    for pem in (file.read_bytes(), b"", b"no certificate"):
        with pytest.raises(InvalidInput, match="time-stamping authority"):
            check_stamp(reply, CONTENT, pem)


def test_a_changed_answer_says_nothing_or_the_same(authority: Authority, reply: bytes) -> None:
    """What is not signed, such as the certificate that comes along, may differ."""
    pinned = authority.certificate.read_bytes()
    honest = check_stamp(reply, CONTENT, pinned, 7)
    refused = 0
    for place in range(0, len(reply), at_size(7, 1)):
        changed = bytearray(reply)
        changed[place] ^= 0x41
        try:
            assert check_stamp(bytes(changed), CONTENT, pinned, 7) == honest
        except VerificationError:
            refused += 1
    assert refused > 20
    for end in range(0, len(reply), at_size(29, 3)):
        with pytest.raises(VerificationError):
            check_stamp(reply[:end], CONTENT, pinned, 7)


def stamper(authority: Authority, said: list[str]) -> TimeStamper:
    pinned = authority.certificate.read_bytes()
    return TimeStamper(authority.address, pinned, Poster({}, seconds=2.0), said.append)


def test_an_authority_is_asked_over_http(authority: Authority) -> None:
    said: list[str] = []

    answer = stamper(authority, said)(CONTENT)

    assert answer is not None and said == []
    assert check_stamp(answer, CONTENT, authority.certificate.read_bytes())


@pytest.mark.parametrize(
    ("status", "answer", "message"),
    [
        (503, b"", "status 503"),
        (200, b"no stamp", "cannot be read"),
        (200, bytes.fromhex("30053003020102"), "refused to stamp"),
        (200, bytes(100_000), "status 200"),
    ],
)
def test_without_a_stamp_that_counts_there_is_none_and_it_is_said_once(
    authority: Authority, status: int, answer: bytes, message: str
) -> None:
    said: list[str] = []
    asks = stamper(authority, said)
    authority.status, authority.answer = status, answer
    try:
        assert [asks(CONTENT), asks(CONTENT)] == [None, None]
    finally:
        authority.status, authority.answer = 200, None
    assert len(said) == 1 and message in said[0]
    assert asks(CONTENT) is not None


def test_an_authority_that_is_away_stops_nothing(authority: Authority) -> None:
    said: list[str] = []
    pinned = authority.certificate.read_bytes()
    asks = TimeStamper("http://127.0.0.1:9/stamp", pinned, Poster({}, seconds=2.0), said.append)

    assert asks(CONTENT) is None and "no answer" in said[0]
    with pytest.raises(InvalidInput):
        TimeStamper("ftp://127.0.0.1/", pinned, Poster({}), said.append)


def test_an_old_answer_does_not_count_for_a_new_request(authority: Authority, reply: bytes) -> None:
    said: list[str] = []
    authority.answer = reply
    try:
        assert stamper(authority, said)(CONTENT) is None
    finally:
        authority.answer = None
    assert "answers another request" in said[0]
