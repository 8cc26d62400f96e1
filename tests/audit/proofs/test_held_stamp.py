"""The time stamp of the heads in a bundle: shown by openssl, or said to be not shown."""

import io
import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from goldenpath.audit.anchors.stamping import TimeStamper
from goldenpath.audit.anchors.time_stamp import stamp_request
from goldenpath.cli import prove
from goldenpath.http.posting import Poster
from goldenpath.settings import STAMP_CERTIFICATE_VARIABLE
from tests.audit.anchors.authority import Authority, answering, found
from tests.audit.proofs.proven_home import ProvenHome, serve_a_home
from tests.audit.proofs.test_prediction_proof import run_page, tools

__all__ = ["tools"]


@pytest.fixture(scope="module")
def stamped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ProvenHome, Authority]]:
    folder = tmp_path_factory.mktemp("stamped")
    home = serve_a_home(folder / "platform")
    with answering(found(folder / "authority")) as authority:
        pinned = authority.certificate.read_bytes()
        home.anchor(stamp=TimeStamper(authority.address, pinned, Poster({}), pytest.fail))
        yield home, authority


def proven(home: ProvenHome, file: Path, certificate: Path | None) -> dict[str, object]:
    """What `goldenpath prove` says, with a pinned certificate or without one."""
    variables = dict(home.served.environment)
    if certificate is not None:
        variables[STAMP_CERTIFICATE_VARIABLE] = str(certificate)
    words = [home.served.prediction_id, "--bundle", str(file), "--output", "json"]
    result = CliRunner().invoke(prove.verb, words, env=variables)
    assert result.exit_code == 0, result.exception
    said: dict[str, object] = json.loads(result.stdout)
    return said


def test_a_stamp_is_shown_by_openssl_as_the_page_prints_it(
    stamped: tuple[ProvenHome, Authority], tmp_path: Path, tools: Path
) -> None:
    home, authority = stamped
    said = proven(home, tmp_path / "bundle", authority.certificate)
    with tarfile.open(fileobj=io.BytesIO((tmp_path / "bundle").read_bytes())) as tar:
        members = {each.name.partition("/")[2]: tar.extractfile(each) for each in tar}
        files = {name: file.read() for name, file in members.items() if file is not None}

    assert f"{datetime.now(UTC):%Y-%m-%d}" in files["VERIFY.md"].decode()
    assert "CN=authority stamped commit" in json.dumps(said)
    assert files["authority.pem"] == authority.certificate.read_bytes()
    done = run_page(files, tmp_path / "there", tools)
    assert done.returncode == 0, done.stderr
    assert "Verification: OK" in done.stdout + done.stderr


def test_without_the_pinned_certificate_nothing_is_claimed(
    stamped: tuple[ProvenHome, Authority], tmp_path: Path
) -> None:
    home, _ = stamped
    other = found(tmp_path / "other").certificate

    unpinned = json.dumps(proven(home, tmp_path / "a", None))
    wrong = json.dumps(proven(home, tmp_path / "b", other))

    assert "NOT SHOWN: the time stamp of the heads: no certificate" in unpinned
    assert "not signed by the pinned certificate" in wrong
    assert "stamped commit" not in unpinned + wrong


def test_the_stamp_of_another_record_is_not_shown(
    stamped: tuple[ProvenHome, Authority], tmp_path: Path
) -> None:
    authority = stamped[1]
    home = serve_a_home(tmp_path / "platform")
    home.anchor(stamp=lambda content: authority.stamp(stamp_request(b"another").encoded))

    said = json.dumps(proven(home, tmp_path / "bundle", authority.certificate))

    assert "NOT SHOWN: the time stamp of the heads: the time stamp is about other bytes" in said
    assert "stamped commit" not in said
