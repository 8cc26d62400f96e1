"""The channels against receivers of other projects: an SMTP server and an Alertmanager."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import HTTPError

from goldenpath.promote.platform.alarm_rules import AlertmanagerChannel, MailChannel
from tests.audit.alarms.examples import notice
from tests.audit.alarms.test_channels import Line
from tests.programs import program
from tests.serve.tokens import Authority

pytestmark = pytest.mark.interop
PATIENCE = 30.0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def _running(command: Sequence[str | Path], folder: Path) -> Iterator[None]:
    with (folder / "output.txt").open("wb") as output:
        child = subprocess.Popen(
            [str(each) for each in command], stdout=output, stderr=output, cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        try:
            yield
        finally:
            child.terminate()
            child.wait(20)


def _until(question: Callable[[], Any], what: str) -> Any:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        try:
            if found := question():
                return found
        except (OSError, HTTPError):
            pass
        time.sleep(0.05)
    pytest.fail(f"{what} did not come")


def test_a_real_smtp_server_takes_a_mail_over_starttls(tmp_path: Path) -> None:
    smtpd, port = program("aiosmtpd"), _free_port()
    authority = Authority(tmp_path)
    issued = authority.issue("server")
    authority.path.replace(tmp_path / "authority.pem")
    box = tmp_path / "box"
    command: list[str | Path] = [
        smtpd, "--nosetuid", "--listen", f"127.0.0.1:{port}", "--tlscert", issued.certificate,
        "--tlskey", issued.key, "--class", "aiosmtpd.handlers.Mailbox", box,
    ]  # fmt: skip
    channel = MailChannel("on-call", ("risk@bank.example",), f"127.0.0.1:{port}", "gp@bank.example")

    with _running(command, tmp_path):
        _until(lambda: socket.create_connection(("127.0.0.1", port), 1), "aiosmtpd").close()
        line = Line(tmp_path, channel)
        line.send(notice())

    assert line.faults == [] and len(line.outbox) == 0
    (message,) = (each.read_text() for each in (box / "new").iterdir())
    assert "Subject: goldenpath [open] prod/credit: new code in status" in message
    assert "X-RcptTo: risk@bank.example" in message or "RcptTo" in message


def test_a_real_alertmanager_shows_an_alarm_and_ends_it(tmp_path: Path) -> None:
    alertmanager, port = program("alertmanager"), _free_port()
    (tmp_path / "config.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    command: list[str | Path] = [
        alertmanager, "--config.file=config.yml", "--storage.path=data",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"

    def alerts() -> Any:
        return urllib3.request("GET", f"{url}/api/v2/alerts", retries=False).json()

    with _running(command, tmp_path):
        _until(lambda: alerts() == [], "alertmanager")
        line = Line(tmp_path, AlertmanagerChannel("on-call", url))
        line.moment[0] = datetime.now(UTC)
        line.send(notice())
        (alert,) = _until(alerts, "the alert")
        line.send(notice(state="closed", ended_at="2026-11-22T10:00:00.000000Z"))
        _until(lambda: alerts() == [], "the end of the alert")

    assert alert["labels"]["alertname"] == "ModelNewCode"
    assert alert["annotations"]["runbook_url"] == "https://wiki.bank.example/drift"
    assert line.faults == [] and len(line.outbox) == 0
