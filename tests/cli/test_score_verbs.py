"""`score --server` and `score-job` on a platform with real git and a real registry."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow.csv
import pytest
import yaml

from goldenpath.promote.manifests.kustomize.cluster_setup import VALUES
from tests.cli.conftest import Town
from tests.cli.saying import Command
from tests.promote.road import MODEL

ENGINEER = "platform-engineer"
IMAGE = f"registry.example/platform/goldenpath-jobs@sha256:{'5' * 64}"


@contextmanager
def server(release: str) -> Iterator[str]:
    """A server of one release that answers 0.5 for each row, and its address."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["inference-header-content-length"])
            self.rfile.read(size)
            rest = self.rfile.read(int(self.headers["content-length"]) - size)
            data = [0.5] * (len(rest) // 8)
            body = json.dumps({"outputs": [{"name": "probability", "data": data}]}).encode()
            self.send_response(200 if self.path == f"/v2/models/{MODEL}/infer" else 404)
            self.send_header("x-goldenpath-release", release)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, form: str, *values: object) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        listening.server_close()


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A folder of two files, and one that says something about the others."""
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "a.csv").write_text("age,sex\n30,1\n40,2\n")
    (folder / "b.csv").write_text("age,sex\n50,1\n")
    (folder / "_SUCCESS").write_text("")
    return folder


def test_a_folder_is_scored_by_a_server_in_the_order_of_its_files(
    reading: Command, town: Town, rows: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    with server(town.live.text) as address:
        done = reading(
            "score", MODEL, str(rows), "--stage", "test", "--out", str(out), "--keep", "age",
            "--release", town.live.text, "--server", address, "--output", "json",
        )  # fmt: skip

    assert done.code == 0, done.err
    table = pyarrow.csv.read_csv(out)
    assert table["age"].to_pylist() == [30, 40, 50]
    assert table["row"].to_pylist() == [0, 1, 2]
    assert json.loads(done.out)["releases"] == {town.live.text: 3}


def test_a_server_of_another_release_is_refused_and_leaves_no_result(
    reading: Command, town: Town, rows: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    asked = ("score", MODEL, str(rows), "--stage", "test", "--out", str(out))
    with server(town.fresh.text) as address:
        done = reading(*asked, "--release", town.live.text, "--server", address)

    assert (done.code, "another release answered" in done.err) == (4, True)
    assert not out.exists()
    undeclared = reading(*asked, "--release", town.fresh.text, "--server", address)
    assert (undeclared.code, "among them" in undeclared.err) == (2, True)
    odd = reading(*asked, "--server", "file:///x")
    assert (odd.code, "expected http://HOST" in odd.err) == (2, True)
    ended = reading(*asked[:-1], str(tmp_path / "other.csv"), "--server", address)
    assert (ended.code, "hint: check the address" in ended.err) == (5, True), ended.err


def test_a_job_is_declared_by_a_signed_commit_with_the_image_of_the_values(
    changing: Command, copy: Town, tmp_path: Path
) -> None:
    acting = copy.acting(ENGINEER)
    declare = (
        "score-job", "monthly", MODEL, "s3://in/clients", "--stage", "test",
        "--out", "s3://out/a.parquet", "--reason", "a monthly report", *acting,
    )  # fmt: skip
    early = changing(*declare)
    assert (early.code, "platform init --target kubernetes" in early.err) == (2, True)
    assert changing("platform", "init", "--target", "kubernetes", *acting).code == 0
    unpinned = changing(*declare)
    assert (unpinned.code, "an image by its digest" in unpinned.err) == (2, True)
    values = {"data": {"jobsImage": IMAGE, "gitops": "https://git.example/g", "trust": "a" * 40}}
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    written = changing(
        "platform", "write", VALUES, str(tmp_path / "values.yaml"), "--reason", "pins", *acting
    )
    assert written.code == 0, written.err

    done = changing(*declare, "--output", "json")

    assert done.code == 0, done.err
    record = json.loads(done.out)
    assert (record["path"], record["release"], record["image"]) == (
        "cluster/scores/test/monthly.yaml", copy.live.text, IMAGE,
    )  # fmt: skip
    committed = subprocess.run(
        ["git", "-C", str(copy.folder / "home" / "gitops.git"), "show",
         f"{record['commit']}:{record['path']}"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    (container,) = yaml.safe_load(committed.stdout)["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    assert f"--release={copy.live.text}" in container["args"]
    again = changing(*declare)
    assert (again.code, "is there already" in again.err) == (2, True)
    other = changing(*declare[:2], "other", *declare[3:])
    assert other.code == 3
