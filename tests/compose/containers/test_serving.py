"""One release served by itself: where it is found, when it is refused, and how it ends."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import numpy as np
import pytest

from goldenpath.compose.containers.release_finding import find_release
from goldenpath.compose.containers.serving import ServeOptions, serve_release
from goldenpath.digest import Digest
from goldenpath.drift.profile_format import render_profile
from goldenpath.drift.reference_profile import build_profile
from goldenpath.errors import GoldenPathError, InvalidInput, VerificationError
from goldenpath.home import Home
from goldenpath.oci.copy import copy
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.processes.cgroup import CgroupLimits
from goldenpath.processes.launch import ReleaseSource
from goldenpath.release.artifact.evidence_copy import copy_evidence
from goldenpath.release.artifact.unpack import unpack
from goldenpath.release.artifact.unpacked import EVIDENCE
from goldenpath.release.attest.keys import public_pem
from goldenpath.release.attest.statement import SIGNED
from goldenpath.serve.model.loaded_release import load
from goldenpath.serve.server.release_server import ServerOutput
from tests.oci.stores.fake_registry import fake_registry
from tests.oci.stores.test_remote import remote
from tests.release.attest.releases import NOW
from tests.serve.process import Packed, packed
from tests.serve.running import CONTRACT, INFER, ROW, expected, question

SILENT = ServerOutput(lambda event: None, lambda line: None)


@dataclass(frozen=True, slots=True)
class Place:
    """A signed release as a layout, unpacked, and the policy that it holds against."""

    release: Packed
    trust: Path

    @property
    def layout(self) -> str:
        """How a user names it."""
        return f"layout:{self.release.folder / 'registry'}@{self.release.image.digest}"

    def unpacked(self, folder: Path, *, evidence: bool = True) -> Path:
        """Writes its files to a folder, as an init container does."""
        unpack(self.release.store, self.release.image.digest, folder)
        if evidence:
            self.write_evidence(folder / EVIDENCE)
        return folder

    def write_evidence(self, folder: Path) -> None:
        """Writes manifest and statements to a layout."""
        store, image = self.release.store, self.release.image
        statements = [each.digest for each in store.referrers(image.digest)]
        copy_evidence(store, LayoutStore(folder), image, statements)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("served")
    release = packed(folder, profile=_profile())
    file = folder / "policy.toml"
    file.write_text(
        f"""version = 1
required = ["{SIGNED}"]
[[build-key]]
name = "build"
public-key = '''
{public_pem(release.signer).decode()}'''
"""
    )
    return Place(release, file)


def _profile() -> bytes:
    random = np.random.default_rng(1)
    columns = (random.uniform(0, 9e5, 400), random.uniform(18, 99, 400))
    codes = random.integers(0, 3, 400).astype(float)
    table = dict(zip(("limit", "age", "status", "paid"), (*columns, codes, codes), strict=True))
    return render_profile(build_profile(CONTRACT, table, random.uniform(0, 1, 400)))


def options(source: str, state: Path, **others: object) -> ServeOptions:
    usual: dict[str, object] = {
        "verify": None,
        "evidence": None,
        "release": None,
        "listen": "127.0.0.1:0",
        "grpc": None,
        "metrics": None,
        "stage": "local",
        "state": state,
        "records": True,
        "on_loss": "serve",
        "threads": 1,
        "drain_delay": 0.0,
    }
    return ServeOptions(source=source, **{**usual, **others})  # type: ignore[arg-type]


def refusal(source: str, state: Path, **others: object) -> GoldenPathError:
    """Returns why a server does not start."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(GoldenPathError) as caught:
            serve_release(Home(state), options(source, state, **others), SILENT)
    finally:
        signal.signal(signal.SIGTERM, before)
    return caught.value


def loaded(place: Place, source: ReleaseSource, digest: Digest) -> None:
    """Verifies and loads a release as a server does at its start."""
    launch = replace(place.release.launch(), source=source, digest=digest.text)
    with ExitStack() as stack:
        load(launch, NOW, stack)


@pytest.mark.parametrize("below", ["", "models"])
def test_unpacked_files_are_verified_like_a_registry_at_both_places(
    place: Place, tmp_path: Path, below: str
) -> None:
    place.unpacked(tmp_path / "mnt", evidence=False)
    folder = tmp_path / "mnt" if not below else tmp_path / "mnt" / below
    place.write_evidence(folder / EVIDENCE)

    found = find_release(
        Home(tmp_path), options(str(tmp_path / "mnt"), tmp_path), tmp_path, is_verified=True
    )

    assert found.digest == place.release.image.digest
    loaded(place, found.source, found.digest)


@pytest.mark.parametrize("cheat", ["changed", "added", "removed", "link", "statement"])
def test_unpacked_files_that_differ_from_their_release_are_refused(
    place: Place, tmp_path: Path, cheat: str
) -> None:
    folder = place.unpacked(tmp_path / "mnt") / "models"
    evidence = tmp_path / "mnt" / EVIDENCE
    model = folder / "model.onnx"
    if cheat == "changed":
        model.write_bytes(model.read_bytes().replace(b"weights", b"weightz"))
    elif cheat == "added":
        (folder / "other.onnx").write_bytes(b"")
    elif cheat == "removed":
        (folder / "goldenpath" / "profile.json").unlink()
    elif cheat == "link":
        model.rename(tmp_path / "elsewhere")
        model.symlink_to(tmp_path / "elsewhere")
    else:
        shutil.rmtree(evidence)
        copy_evidence(place.release.store, LayoutStore(evidence), place.release.image)
    source = ReleaseSource(str(tmp_path / "mnt"), "folder", str(evidence))

    with pytest.raises((VerificationError, InvalidInput)):
        loaded(place, source, place.release.image.digest)


def test_without_a_trust_file_the_answer_says_what_is_known(place: Place, tmp_path: Path) -> None:
    folder = place.unpacked(tmp_path / "mnt", evidence=False)
    digest = place.release.image.digest

    def found(**others: object) -> tuple[Digest, str]:
        wish = options(str(folder), tmp_path, **others)
        release = find_release(Home(tmp_path), wish, tmp_path, is_verified=False)
        return release.digest, release.certainty

    own, certainty = found()
    assert own != digest
    assert "not that of a release" in certainty
    declared, certainty = found(release=digest.text)
    assert declared == digest
    assert "declared" in certainty
    compared, certainty = found(evidence=place.layout)
    assert compared == digest
    assert "manifest" in certainty


def test_a_release_of_a_registry_is_copied_and_survives_its_absence(
    place: Place, tmp_path: Path
) -> None:
    with fake_registry() as registry:
        copy(place.release.store, remote(registry.address), place.release.image)
        wish = options(f"oci://{registry.address}/ml/credit@{place.release.image.digest}", tmp_path)
        found = find_release(Home(tmp_path), wish, tmp_path, is_verified=True)
    again = find_release(Home(tmp_path), wish, tmp_path, is_verified=True)

    assert again == found
    loaded(place, found.source, found.digest)


def test_a_folder_is_verified_by_the_statements_of_a_registry(place: Place, tmp_path: Path) -> None:
    folder = place.unpacked(tmp_path / "mnt", evidence=False)
    with fake_registry() as registry:
        copy(place.release.store, remote(registry.address), place.release.image)
        evidence = f"oci://{registry.address}/ml/credit@{place.release.image.digest}"
        wish = options(str(folder), tmp_path, evidence=evidence)
        found = find_release(Home(tmp_path), wish, tmp_path, is_verified=True)
        loaded(place, found.source, found.digest)


def test_bad_sources_are_refused_in_plain_words_with_a_code_for_orchestrators(
    place: Place, tmp_path: Path
) -> None:
    state, trust = tmp_path / "state", place.trust
    empty = tmp_path / "empty"
    empty.mkdir()
    bare = place.unpacked(tmp_path / "bare", evidence=False)
    registry = place.release.folder / "registry"
    unsigned = packed(_made(tmp_path / "unsigned"), signed=False)
    theirs = f"layout:{unsigned.folder / 'registry'}@{unsigned.image.digest}"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = f"127.0.0.1:{taken.getsockname()[1]}"
        table: tuple[tuple[str, dict[str, object], int, str], ...] = (
            (str(tmp_path / "absent"), {}, 3, "does not exist"),
            (str(empty), {}, 3, "holds no release"),
            (str(registry), {}, 3, "it is an OCI layout"),
            (f"layout:{registry}", {}, 2, "names no release"),
            (f"layout:{registry}@missing", {}, 3, "missing"),
            (f"layout:{empty}@missing", {}, 3, "missing"),
            ("oci://registry.example/ml/credit:v1", {}, 2, "a tag can move"),
            (place.layout, {"verify": tmp_path / "absent.toml"}, 2, "trust file"),
            (place.layout, {"evidence": place.layout}, 2, "--evidence is for a folder"),
            (place.layout, {"release": f"sha256:{'0' * 64}"}, 2, "another digest"),
            (place.layout, {"release": "v1"}, 2, "v1"),
            (place.layout, {"verify": trust, "listen": port}, 5, port),
            (place.layout, {"records": False, "metrics": "127.0.0.1:0"}, 2, "--metrics"),
            (place.layout, {"state": trust}, 2, "cannot be written"),
            (str(bare), {"verify": trust}, 4, "without evidence"),
            (theirs, {"verify": trust}, 4, "may not start"),
        )
        for source, others, code, words in table:
            error = refusal(source, **{"state": state, **others})  # type: ignore[arg-type]
            text = f"{error.message} {error.hint or ''}"
            assert (error.exit_code, words in text) == (code, True), (source, others, text)


def test_a_release_of_a_newer_format_is_refused_with_the_cure(place: Place, tmp_path: Path) -> None:
    folder = place.unpacked(tmp_path / "mnt", evidence=False)
    contract = folder / "models" / "goldenpath" / "contract.json"
    contract.write_bytes(contract.read_bytes().replace(b'"version":1', b'"version":2'))

    error = refusal(str(folder), tmp_path / "state")

    assert (type(error), "goldenpath" in (error.hint or "")) == (InvalidInput, True)
    assert "version 2" in error.message


def test_a_release_larger_than_the_memory_of_its_container_is_refused(place: Place) -> None:
    launch = place.release.launch()
    with ExitStack() as stack, pytest.raises(InvalidInput, match="MiB") as caught:
        load(launch, NOW, stack, CgroupLimits(memory=1000))

    assert "memory limit" in str(caught.value.hint)
    with ExitStack() as stack:
        load(launch, NOW, stack, CgroupLimits(memory=1 << 30))


def test_two_servers_never_share_a_folder_of_records(place: Place, tmp_path: Path) -> None:
    with _server(place, tmp_path, "--no-records"):
        pass  # it takes no folder
    assert not (tmp_path / "state").exists()
    with _server(place, tmp_path):
        error = refusal(place.layout, tmp_path / "state")
    assert (type(error), "another server" in error.message) == (InvalidInput, True)


def test_a_verified_release_answers_is_recorded_and_drains_in_order(
    place: Place, tmp_path: Path
) -> None:
    flags = ("--verify", str(place.trust), "--grpc", "127.0.0.1:0", "--drain-delay", "1")
    with _server(place, tmp_path, *flags, "--metrics", "127.0.0.1:0") as server:
        address = str(server.ready["address"])
        assert server.ready["mark"] == "verified"
        status, body = _fetch(address, "/v2/models/credit")
        release = {"digest": place.release.image.digest.text, "mark": "verified"}
        assert json.loads(body)["goldenpath"]["release"] == release
        assert _ask(address) == pytest.approx(expected([ROW]))
        with grpc.insecure_channel(str(server.ready["grpc"])) as channel:
            ready = channel.unary_unary("/inference.GRPCInferenceService/ServerReady")
            assert ready(b"") == b"\x08\x01"
        observer = server.event("ready")
        assert _fetch(str(observer["metrics"]), "/metrics")[0] == 200

        server.child.send_signal(signal.SIGTERM)
        while (status := _fetch(address, "/v2/health/ready")[0]) != 503:
            assert status == 200
        assert _fetch(address, "/v2/health/live")[0] == 200
        assert _ask(address), "it answers until others have seen that it is not ready"
        assert server.event("drained") == {"event": "drained", "answered": 2, "lost": 0}
        assert server.child.wait(30) == 0
    assert [*(tmp_path / "state" / "predictions").rglob("*.parquet")], "the log is sealed"


def test_a_server_ends_at_once_if_it_is_asked_to_before_it_is_ready(
    place: Place, tmp_path: Path
) -> None:
    fifo = tmp_path / "policy"
    os.mkfifo(fifo)
    child = _started(place, tmp_path, "--verify", str(fifo))
    with fifo.open("wb"):  # opens when the server reads it, so its handler is set
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 143
    child.stdout.close()  # type: ignore[union-attr]


@dataclass(frozen=True, slots=True)
class _Server:
    child: subprocess.Popen[bytes]
    ready: dict[str, object]

    def event(self, kind: str) -> dict[str, object]:
        """The next event of that kind."""
        assert self.child.stdout is not None
        for line in self.child.stdout:
            event: dict[str, object] = json.loads(line)
            if event["event"] == kind:
                return event
        raise AssertionError(f"no event {kind}")


@contextmanager
def _server(place: Place, folder: Path, *flags: str) -> Iterator[_Server]:
    child = _started(place, folder, *flags)
    assert child.stdout is not None
    try:
        yield _Server(child, json.loads(child.stdout.readline()))
    finally:
        child.terminate()
        child.wait(60)
        child.stdout.close()


def _started(place: Place, folder: Path, *flags: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from goldenpath.cli.main import main; main()", "serve"]
    fixed = ["--listen", "127.0.0.1:0", "--state", str(folder / "state"), "--output", "json"]
    return subprocess.Popen(
        [*command, place.layout, *fixed, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "GOLDENPATH_HOME": str(folder / "home")},
    )


def _fetch(address: str, target: str, body: object = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, timeout=20)
    content = None if body is None else json.dumps(body)
    connection.request(
        "GET" if body is None else "POST", target, content, {"content-type": "application/json"}
    )
    answer = connection.getresponse()
    status, read = answer.status, answer.read()
    connection.close()
    return status, read


def _ask(address: str) -> list[float]:
    status, body = _fetch(address, INFER, question(ROW))
    assert status == 200, body
    scores: list[float] = json.loads(body)["outputs"][0]["data"]
    return scores


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
