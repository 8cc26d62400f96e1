"""TLS on the listener of a real process: certificates both ways, replaced while it serves."""

import http.client
import json
import signal
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.http.listener_settings import ListenerSettings
from tests.serve.process import packed, started
from tests.serve.running import INFER, ROW, question, records
from tests.serve.tokens import Authority, Certificate, access_file


def _ask(address: str, authority: Authority, client: Certificate | None, token: str = "") -> int:
    context = ssl.create_default_context(cafile=str(authority.path))
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    connection = http.client.HTTPSConnection(address, context=context, timeout=20)
    try:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        connection.request("POST", INFER, json.dumps(question(ROW)), headers)
        return connection.getresponse().status
    finally:
        connection.close()


def _serial(address: str, authority: Authority) -> str:
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context(cafile=str(authority.path))
    with (
        socket.create_connection((host, int(port)), 20) as plain,
        context.wrap_socket(plain, server_hostname=host) as wrapped,
    ):
        certificate = wrapped.getpeercert()
        assert certificate is not None
        return str(certificate["serialNumber"])


def test_only_clients_with_a_certificate_are_served_and_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ours, theirs = authority.issue("server"), authority.issue("scoring-batch")
    launch = replace(
        packed(tmp_path).launch(),
        listen="127.0.0.1:0",
        listener_settings=ListenerSettings(
            certificate=str(ours.certificate),
            private_key=str(ours.key),
            client_authorities=str(authority.path),
        ),
    )

    with started(launch) as process:
        assert process.event["event"] == "ready", process.event
        assert _ask(process.address, authority, theirs) == 200
        with pytest.raises(OSError, match=r"(?i)certificate|reset|eof|closed"):
            _ask(process.address, authority, None)
        with pytest.raises((OSError, http.client.HTTPException)):
            plain = http.client.HTTPConnection(process.address, timeout=20)
            plain.request("POST", INFER, json.dumps(question(ROW)))
            plain.getresponse()
        plain.close()
        process.end()
    (record,) = records(tmp_path / "spool")
    assert record.caller == "scoring-batch"


def test_certificate_and_tokens_are_replaced_while_it_serves(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ours = authority.issue("server")
    rules = access_file(tmp_path, old=["infer"])
    launch = replace(
        packed(tmp_path).launch(),
        listen="127.0.0.1:0",
        listener_settings=ListenerSettings(str(rules), str(ours.certificate), str(ours.key)),
    )

    with started(launch) as process:
        first = _serial(process.address, authority)
        assert _ask(process.address, authority, None, "old") == 200
        authority.issue("another", to="server")
        access_file(tmp_path, new=["infer"])
        process.child.send_signal(signal.SIGHUP)
        while _ask(process.address, authority, None, "new") != 200:
            continue
        assert _serial(process.address, authority) != first
        assert _ask(process.address, authority, None, "old") == 401

        rules.write_text("{")
        ours.key.write_text("nothing")
        process.child.send_signal(signal.SIGHUP)
        assert _ask(process.address, authority, None, "new") == 200
        process.end()


@pytest.mark.parametrize("field", ["access", "certificate", "client_authorities"])
def test_a_door_that_cannot_be_hung_keeps_the_server_from_starting(
    tmp_path: Path, field: str
) -> None:
    absent = str(tmp_path / "absent")
    launch = packed(tmp_path).launch()
    settings = ListenerSettings(
        access=absent if field == "access" else "",
        certificate=absent if field == "certificate" else "",
        private_key=absent if field == "certificate" else "",
        client_authorities=absent if field == "client_authorities" else "",
    )

    with started(replace(launch, listener_settings=settings)) as process:
        assert process.event["event"] == "failed", process.event
