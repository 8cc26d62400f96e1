"""Every listener of `goldenpath up` behind TLS: REST, gRPC and the page for Prometheus."""

import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import urllib3

from goldenpath.observe.log.log_reader import records
from goldenpath.serve.protocol import grpc_messages, inference_service
from tests.deploy.platform import OneMachine, Up
from tests.serve.running import ROW, expected, question
from tests.serve.tokens import Authority, Certificate, access_file
from tests.sizes import full_size

PATH = "/dev/credit/v2/models/credit/infer"
WORKLOAD = "spiffe://bank.example/loans/scoring"
NAMES = ("scoring-batch", "Büro, Zürich 100%")
BUILD = Path(__file__).parents[3] / "build"
CALL = grpc_messages.render(
    "ModelInferRequest",
    {
        "model_name": "credit",
        "inputs": [
            {
                "name": "features",
                "datatype": "FP32",
                "shape": [1, 4],
                "contents": {"fp32_contents": ROW},
            }
        ],
    },
)
TRITON = """
import json, sys
import numpy as np
import tritonclient.grpc as over_grpc
url, authority, certificate, key, row, right = sys.argv[1:]
client = over_grpc.InferenceServerClient(
    url, ssl=True, root_certificates=authority, private_key=key, certificate_chain=certificate
)
rows = np.array([json.loads(row)], np.float32)
tensor = over_grpc.InferInput("features", rows.shape, "FP32")
tensor.set_data_from_numpy(rows)
answer = client.infer("credit", [tensor], headers={"x-goldenpath-stage": "dev"},
                      parameters={"process": "consumer loan"})
np.testing.assert_allclose(answer.as_numpy("probability"), [float(right)], atol=1e-6)
"""
KSERVE = """
import asyncio, json, sys
import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest
url, authority, certificate, key, row, right = sys.argv[1:]
def read(path):
    return open(path, "rb").read()
creds = grpc.ssl_channel_credentials(read(authority), read(key), read(certificate))
async def main():
    client = InferenceGRPCClient(url, use_ssl=True, creds=creds)
    rows = np.array([json.loads(row)], np.float32)
    tensor = InferInput("features", list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows, binary_data=True)
    stage = [("x-goldenpath-stage", "dev")]
    answer = await client.infer(InferRequest("credit", [tensor]), headers=stage)
    output = next(each for each in answer.outputs if each.name == "probability")
    np.testing.assert_allclose(output.as_numpy(), [float(right)], atol=1e-6)
asyncio.run(main())
"""


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@dataclass
class SecureMachine:
    """A machine that is up, and the addresses of its listeners."""

    here: OneMachine
    up: Up
    authority: Authority
    gateway: str
    calls: str
    metrics: str

    def post(self, client: Certificate | None, **headers: str) -> int:
        """The status of one request over TLS."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with urllib3.PoolManager(ssl_context=self.context(client), retries=False) as pool:
            url, body = f"https://{self.gateway}{PATH}", json.dumps(question(ROW)).encode()
            return pool.request("POST", url, body=body, headers=named).status

    def context(self, client: Certificate | None) -> ssl.SSLContext:
        """What a client trusts and shows."""
        made = ssl.create_default_context(cafile=str(self.authority.path))
        if client is not None:
            made.load_cert_chain(client.certificate, client.key)
        return made

    def call(self, client: Certificate | None, **metadata: str) -> bytes:
        """The answer to one call over TLS."""
        files = (client.key, client.certificate) if client else ()
        credentials = grpc.ssl_channel_credentials(
            self.authority.path.read_bytes(), *(file.read_bytes() for file in files)
        )
        pairs = [("x-goldenpath-stage", "dev")]
        pairs += [(name.replace("_", "-"), value) for name, value in metadata.items()]
        with grpc.secure_channel(self.calls, credentials) as channel:
            ask = channel.unary_unary(inference_service.PREFIX + inference_service.INFER)
            return bytes(ask(CALL, metadata=pairs, timeout=20))

    def scrape(self, client: Certificate | None, token: str = "") -> tuple[int, bytes]:
        """Status and page of one look at the metrics."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        with urllib3.PoolManager(ssl_context=self.context(client), retries=False) as pool:
            got = pool.request("GET", f"https://{self.metrics}/metrics", headers=headers)
            return got.status, got.data

    def serial(self, address: str, client: Certificate) -> str:
        """Of the certificate that is shown there."""
        host, _, port = address.rpartition(":")
        with (
            socket.create_connection((host, int(port)), 20) as plain,
            self.context(client).wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            return str((wrapped.getpeercert() or {})["serialNumber"])


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureMachine]:
    folder = tmp_path_factory.mktemp("machine")
    here, authority = OneMachine(folder), Authority(folder)
    here.deploy((here.release(), 100))
    yield from _up(here, authority, {}, served=True)


def _up(
    here: OneMachine, authority: Authority, more: dict[str, str], *, served: bool
) -> Iterator[SecureMachine]:
    ours = authority.issue("gateway")
    variables = {
        "GOLDENPATH_TLS_CERTIFICATE": str(ours.certificate),
        "GOLDENPATH_TLS_KEY": str(ours.key),
        "GOLDENPATH_TLS_CLIENT_CA": str(authority.path),
        **more,
    }
    calls, metrics = f"127.0.0.1:{_free_port()}", f"127.0.0.1:{_free_port()}"
    with here.up("--grpc", calls, "--metrics", metrics, **variables) as up:
        status = up.until(lambda status: status.is_ready and bool(status.deployments) == served)
        for address in (calls, metrics):
            _await(address, up)
        yield SecureMachine(here, up, authority, status.gateway, calls, metrics)


def _await(address: str, up: Up) -> None:
    host, _, port = address.rpartition(":")
    while True:
        assert up.process.poll() is None
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.05)
            continue
        return


def test_a_certificate_names_the_caller_and_a_client_cannot(machine: SecureMachine) -> None:
    batch, office = (machine.authority.issue(name) for name in NAMES)
    workload = machine.authority.issue("spire", uri=WORKLOAD)
    lie = {"x_goldenpath_caller": "somebody-else"}

    assert machine.post(batch) == machine.post(batch, **lie) == machine.post(office) == 200
    answer = grpc_messages.parse_answer(machine.call(batch, **lie))
    assert answer.outputs[0].contents.fp32_contents == pytest.approx(expected([ROW]))
    machine.call(office)
    assert machine.post(workload) == 200
    machine.call(workload)
    with pytest.raises((urllib3.exceptions.HTTPError, OSError)):
        machine.post(None)
    with pytest.raises(grpc.RpcError) as refused:
        machine.call(None)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    with grpc.insecure_channel(machine.calls) as plain, pytest.raises(grpc.RpcError):
        plain.unary_unary(inference_service.PREFIX + inference_service.INFER)(CALL, timeout=0.5)

    assert _callers(machine, 7) == [*(NAMES[place] for place in (0, 0, 1, 0, 1)), *[WORKLOAD] * 2]


def _callers(machine: SecureMachine, count: int) -> list[str]:
    """Of the newest records, the oldest of them first, once they are sealed."""
    while True:
        found = [str(each["caller"]) for each in records(machine.here.home)]
        if len(found) >= count:
            return found[:count][::-1]
        assert machine.up.process.poll() is None
        time.sleep(0.1)


@pytest.mark.interop
@pytest.mark.parametrize("script", [TRITON, KSERVE], ids=["tritonclient", "kserve"])
def test_clients_of_other_projects_call_through_tls(machine: SecureMachine, script: str) -> None:
    python = BUILD / "clients" / "bin" / "python"
    if not python.exists():
        pytest.skip("clients are not here: see scripts/fetch-clients")
    client = machine.authority.issue("loan-desk")
    files = [machine.authority.path, client.certificate, client.key]
    given = [machine.calls, *map(str, files), json.dumps(ROW), str(expected([ROW])[0])]

    done = subprocess.run([python, "-c", script, *given], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_metrics_are_read_over_tls(machine: SecureMachine) -> None:
    client = machine.authority.issue("prometheus")

    assert machine.post(client) == 200
    while b"ml_prediction" not in (scraped := machine.scrape(client))[1]:
        assert scraped[0] == 200 and machine.up.process.poll() is None
        time.sleep(0.1)
    file = machine.here.home.run / "said"
    wanted = (f"metrics: https://{machine.metrics}/metrics", f"grpc: {machine.calls}")
    while not all(each in file.read_text() for each in wanted):
        assert machine.up.process.poll() is None
        time.sleep(0.1)
    with pytest.raises((urllib3.exceptions.HTTPError, OSError)):
        machine.scrape(None)


def test_each_listener_shows_a_new_certificate_without_a_stop(machine: SecureMachine) -> None:
    client = machine.authority.issue("watcher")
    addresses = (machine.gateway, machine.calls, machine.metrics)
    before = [machine.serial(each, client) for each in addresses]
    assert len(set(before)) == 1

    machine.authority.issue("another", to="gateway")
    machine.up.process.send_signal(signal.SIGHUP)

    for each in addresses:
        while machine.serial(each, client) in before:
            assert machine.up.process.poll() is None
    machine.call(client)


def test_a_door_whose_port_is_taken_is_said_and_the_others_open(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        with here.up("--grpc", "127.0.0.1:0", "--metrics", place) as up:
            up.until(lambda status: status.is_ready)
            while (said := (here.home.run / "said").read_text()).count("\n") < 3:
                assert up.process.poll() is None
                time.sleep(0.1)
    assert f"observer: cannot listen on {place} for metrics" in said
    assert "grpc: 127.0.0.1:" in said


@full_size("test_a_token_has_to_have_the_scope")
def test_metrics_want_a_token_where_models_do(tmp_path: Path) -> None:
    here, authority = OneMachine(tmp_path), Authority(tmp_path)
    rules = access_file(tmp_path, branch=["infer"], prometheus=["metrics"])
    for machine in _up(here, authority, {"GOLDENPATH_ACCESS_FILE": str(rules)}, served=False):
        client = authority.issue("client")
        assert machine.scrape(client)[0] == 401
        assert machine.scrape(client, "branch")[0] == 403
        assert machine.scrape(client, "prometheus")[0] == 200
        access_file(tmp_path, other=["metrics"])
        machine.up.process.send_signal(signal.SIGHUP)
        while machine.scrape(client, "other")[0] != 200:
            assert machine.up.process.poll() is None
        assert machine.scrape(client, "prometheus")[0] == 401


@full_size("test_a_machine_lets_in_who_shows_certificate_and_token")
def test_a_token_of_other_models_is_forbidden_over_rest_and_grpc(tmp_path: Path) -> None:
    here, authority = OneMachine(tmp_path), Authority(tmp_path)
    here.deploy((here.release(), 100))
    rules = access_file(tmp_path, near=["infer"], far=["infer"], elsewhere=["infer"])
    limits = {"near": ["dev/cred*"], "far": ["fraud-*"], "elsewhere": ["prod/credit"]}
    value = json.loads(rules.read_text())
    for token in value["tokens"]:
        token["models"] = limits[token["name"]]
    rules.write_text(json.dumps(value))
    for machine in _up(here, authority, {"GOLDENPATH_ACCESS_FILE": str(rules)}, served=True):
        client = authority.issue("client")
        assert machine.post(client, authorization="Bearer near") == 200
        assert machine.call(client, authorization="Bearer near")
        for token in ("far", "elsewhere"):
            assert machine.post(client, authorization=f"Bearer {token}") == 403
            with pytest.raises(grpc.RpcError) as refused:
                machine.call(client, authorization=f"Bearer {token}")
            assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED


def test_calls_go_on_after_the_gateway_was_killed(machine: SecureMachine) -> None:
    client = machine.authority.issue("patient")
    (gateway,) = (
        each for each in machine.up.children() if b"goldenpath.serve.gateway" in _command(each)
    )

    os.kill(int(gateway.name), signal.SIGKILL)

    give_up = time.monotonic() + 30
    while True:
        try:
            machine.call(client)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE
            assert time.monotonic() < give_up
            time.sleep(0.1)
        else:
            break


def _command(process: Path) -> bytes:
    return (process / "cmdline").read_bytes()
