"""`goldenpath up` behind TLS, certificates of clients and bearer tokens."""

import json
import signal
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import urllib3

from goldenpath.compose.listeners import gateway_address, inner_socket, listener_settings
from goldenpath.errors import InvalidInput
from goldenpath.observe.log.log_reader import records
from tests.deploy.platform import OneMachine, Up, goldenpath
from tests.serve.running import ROW, question
from tests.serve.tokens import Authority, Certificate, access_file

PATH = "/dev/credit/v2/models/credit/infer"


@dataclass
class SecureMachine:
    """A machine that is up, with TLS and access rules, and its files."""

    here: OneMachine
    up: Up
    authority: Authority
    client: Certificate
    folder: Path
    variables: dict[str, str]

    def ask(self, token: str = "", *, with_certificate: bool = True) -> int:
        """The status of one request over TLS."""
        context = ssl.create_default_context(cafile=str(self.authority.path))
        if with_certificate:
            context.load_cert_chain(self.client.certificate, self.client.key)
        status = self.up.status
        assert status is not None and status.scheme == "https"
        headers = {"authorization": f"Bearer {token}"} if token else {}
        with urllib3.PoolManager(ssl_context=context, retries=False) as pool:
            url = f"https://{status.gateway}{PATH}"
            return pool.request(
                "POST", url, body=json.dumps(question(ROW)).encode(), headers=headers
            ).status


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[SecureMachine]:
    here, authority = OneMachine(tmp_path), Authority(tmp_path)
    here.deploy((here.release(), 100))
    ours, client = authority.issue("gateway"), authority.issue("scoring-batch")
    variables = {
        "GOLDENPATH_TLS_CERTIFICATE": str(ours.certificate),
        "GOLDENPATH_TLS_KEY": str(ours.key),
        "GOLDENPATH_TLS_CLIENT_CA": str(authority.path),
        "GOLDENPATH_ACCESS_FILE": str(access_file(tmp_path, branch=["infer"], audit=["read"])),
    }
    with here.up(**variables) as up:
        up.until(lambda status: status.is_ready and bool(status.deployments))
        yield SecureMachine(here, up, authority, client, tmp_path, variables)


def test_a_machine_lets_in_who_shows_certificate_and_token(machine: SecureMachine) -> None:
    assert machine.ask("branch") == 200
    assert machine.ask() == 401
    assert machine.ask("audit") == 403
    with pytest.raises((urllib3.exceptions.HTTPError, OSError)):
        machine.ask("branch", with_certificate=False)
    status = machine.up.status
    assert status is not None
    with pytest.raises(urllib3.exceptions.HTTPError), urllib3.PoolManager(retries=False) as pool:
        pool.request("POST", f"http://{status.gateway}{PATH}", body=b"{}")

    rows = machine.folder / "rows.parquet"
    pq.write_table(
        pa.table({"limit": [1000.0], "age": [40.0], "status": [1.0], "paid": [0.0]}), rows
    )
    trusting = {"GOLDENPATH_CA_FILE": str(machine.authority.path), **machine.variables}
    send = ("send", "credit", "--stage", "dev", "--rows", str(rows), "--process", "a rehearsal")
    code, sent = goldenpath(machine.here.home, *send, GOLDENPATH_TOKEN="branch", **trusting)
    assert code == 0, sent
    code, words = goldenpath(machine.here.home, *send, **machine.variables)
    assert (code, "GOLDENPATH_CA_FILE" in str(words)) == (4, True)
    assert "goldenpath up" not in str(words)

    access_file(machine.folder, other=["infer"])
    machine.up.process.send_signal(signal.SIGHUP)
    while machine.ask("other") != 200:
        continue
    assert machine.ask("branch") == 401
    machine.up.process.send_signal(signal.SIGTERM)
    machine.up.process.wait(30)
    found = [*records(machine.here.home)]
    assert {record["caller"] for record in found} == {"branch", "other"}
    (named,) = (record for record in found if record["process"])
    _, traced = goldenpath(machine.here.home, "trace", str(named["prediction_id"]))
    assert isinstance(traced, dict)
    record = traced["prediction"]["record"]
    assert (record["process"], record["caller"]) == ("a rehearsal", "branch")
    assert record["traffic_role"] == "stable" and record["model_digest"].startswith("sha256:")
    assert record["oversight_by"] == "policy" and record["cutoff_distance"] > 0
    _, checked = goldenpath(machine.here.home, "log", "check")
    assert isinstance(checked, dict)
    assert checked["replicas"][0]["processes"] == ["a rehearsal"]
    _, live = goldenpath(machine.here.home, "at", record["t_start"], "--model", "credit")
    assert isinstance(live, list)
    assert live[0]["uses"]["a rehearsal"] == 1


def test_half_of_the_tls_files_and_absent_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.write_text("")

    assert listener_settings({}).certificate == ""
    for wrong in (
        {"GOLDENPATH_TLS_CERTIFICATE": str(file)},
        {"GOLDENPATH_TLS_CLIENT_CA": str(file)},
        {"GOLDENPATH_ACCESS_FILE": str(tmp_path / "absent")},
    ):
        with pytest.raises(InvalidInput):
            listener_settings(wrong)
    with pytest.raises(InvalidInput, match="too long for a socket"):
        inner_socket(tmp_path / ("a" * 100), 1)
    assert Path(inner_socket(tmp_path, 1)).parent.is_dir()
    with pytest.raises(InvalidInput):
        gateway_address("127.0.0.1:1", "https", {"GOLDENPATH_CA_FILE": str(tmp_path / "absent")})
