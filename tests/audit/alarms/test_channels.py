"""Each channel against a receiver that speaks its protocol, and against receivers that do not."""

import base64
import hashlib
import hmac
import json
import ssl
from datetime import datetime, timedelta
from email import message_from_string
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from goldenpath.audit.alarms.alarm_sender import ChannelSender
from goldenpath.audit.alarms.notice import Notice
from goldenpath.audit.alarms.outbox import Outbox
from goldenpath.promote.platform.alarm_rules import (
    AlarmChannel,
    AlertmanagerChannel,
    FileChannel,
    MailChannel,
    WebhookChannel,
)
from tests.audit.alarms.examples import NOW, RELEASE, notice, tools
from tests.audit.alarms.receivers import Hook, PostOffice, hook, post_office
from tests.serve.tokens import Authority

NAME = "prod.on-call"
SECRET = b"a secret of twenty-four b"


class Line:
    """One channel with its outbox, and a clock that the test sets."""

    def __init__(self, root: Path, channel: AlarmChannel) -> None:
        self.root = root
        self.faults: list[tuple[str, str]] = []
        self.moment = [NOW]
        self.outbox = Outbox(root / "outbox" / NAME)
        tools_ = tools(root, self.faults, self.moment)
        self.sender = ChannelSender(NAME, channel, self.outbox, tools_)

    def send(self, *notices: Notice) -> None:
        for each in notices:
            assert self.outbox.deposit(each)
        self.sender.round()

    def later(self, seconds: float) -> None:
        self.moment[0] += timedelta(seconds=seconds)
        self.sender.round()


def _secret(root: Path, content: str, mode: int = 0o600) -> None:
    folder = root / "keys" / "alarms"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_text(content)
    (folder / NAME).chmod(mode)


def _webhook(root: Path, receiver: Hook, signature: str = "hmac") -> Line:
    return Line(root, WebhookChannel("on-call", f"{receiver.address}/alarms", signature))


def test_a_webhook_gets_a_cloud_event_with_everything_and_a_signature(tmp_path: Path) -> None:
    _secret(tmp_path, "whsec_" + base64.b64encode(SECRET).decode())
    with hook() as receiver:
        line = _webhook(tmp_path, receiver)
        line.send(notice())

    ((path, headers, body),) = receiver.got
    event = json.loads(body)
    assert path == "/alarms"
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert event["specversion"] == "1.0"
    assert {event["id"], headers["webhook-id"]} == {"drift-1.open"}
    assert event["type"] == "example.goldenpath.finding.open"
    assert event["source"] == "/goldenpath/prod/credit"
    assert datetime.fromisoformat(event["time"]) == NOW
    data = event["data"]
    assert (data["kind"], data["release"], data["owner"]) == ("new code", RELEASE, "risk models")
    assert data["since"] and data["effect"] and data["nearby"] and data["runbook"]
    signed = f"drift-1.open.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert len(line.outbox) == 0 and line.faults == []


def test_an_ed25519_signature_is_checked_with_the_public_key_of_the_machine(tmp_path: Path) -> None:
    with hook() as receiver:
        _webhook(tmp_path, receiver, "ed25519").send(notice())

    ((_, headers, body),) = receiver.got
    public = load_pem_public_key((tmp_path / "keys" / "alarms" / "ed25519.pub").read_bytes())
    assert isinstance(public, Ed25519PublicKey)
    version, _, signature = headers["webhook-signature"].partition(",")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    assert version == "v1a"
    public.verify(base64.b64decode(signature), signed)
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(signature), signed + b" ")
    assert (tmp_path / "keys" / "alarms" / "ed25519.pem").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("content", "mode", "fault"),
    [
        ("", 0o600, "has no secret"),
        ("short", 0o600, "is not a secret"),
        (base64.b64encode(b"twenty-three bytes long").decode(), 0o600, "is too short"),
        (base64.b64encode(SECRET).decode(), 0o644, "other users may read"),
    ],
)
def test_without_a_good_secret_nothing_is_sent(
    tmp_path: Path, content: str, mode: int, fault: str
) -> None:
    _secret(tmp_path, content, mode)
    with hook() as receiver:
        line = _webhook(tmp_path, receiver)
        line.send(notice())

    assert receiver.got == []
    assert len(line.outbox) == 1
    assert fault in line.faults[0][1]


def test_an_absent_receiver_gets_everything_in_order_once_it_is_there(tmp_path: Path) -> None:
    with hook() as gone:
        address = gone.address
    line = Line(tmp_path, WebhookChannel("on-call", address, "ed25519"))
    line.send(notice(1), notice(2), notice(1, state="resolved"))
    assert len(line.outbox) == 3 and "no answer" in line.faults[0][1]

    with hook(int(address.rpartition(":")[2])) as receiver:
        line.sender.round()
        assert receiver.got == [], "the pause is not over"
        line.later(1)

    ids = [headers["webhook-id"] for _, headers, _ in receiver.got]
    assert ids == ["drift-1.open", "drift-2.open", "drift-1.resolved"]
    assert len(line.outbox) == 0
    assert [message for _, message in line.faults][1:] == [""], "it is said once, and when it ends"


def test_pauses_double_up_to_five_minutes(tmp_path: Path) -> None:
    with hook() as receiver:
        receiver.answers = [503] * 20
        line = _webhook(tmp_path, receiver, "ed25519")
        line.send(notice())
        for seconds in (1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
            before = len(receiver.got)
            line.later(seconds - 0.5)
            assert len(receiver.got) == before, seconds
            line.later(0.5)
            assert len(receiver.got) == before + 1, seconds


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 302])
def test_a_refused_message_stops_no_other_and_is_kept(tmp_path: Path, status: int) -> None:
    with hook() as receiver:
        receiver.answers = [status]
        line = _webhook(tmp_path, receiver, "ed25519")
        line.send(notice(1), notice(2), notice(1, state="resolved"))
        assert [h["webhook-id"] for _, h, _ in receiver.got] == ["drift-1.open", "drift-2.open"]
        assert f"answers with {status}" in line.faults[0][1]

        line.later(1)

    sent = [headers["webhook-id"] for _, headers, _ in receiver.got[2:]]
    assert sent == ["drift-1.open", "drift-1.resolved"], "what ends a finding follows its beginning"
    assert {path for path, _, _ in receiver.got} == {"/alarms"}, "a redirect is not followed"


def test_an_attempt_is_repeated_with_the_same_id_and_body(tmp_path: Path) -> None:
    with hook() as receiver:
        receiver.answers = [500]
        line = _webhook(tmp_path, receiver, "ed25519")
        line.send(notice())
        line.later(1)

    (_, first, body), (_, second, again) = receiver.got
    assert (first["webhook-id"], body) == (second["webhook-id"], again)


def test_an_alertmanager_gets_alerts_and_their_ends_and_repetitions(tmp_path: Path) -> None:
    _secret(tmp_path, "a token\n")
    with hook() as receiver:
        line = Line(tmp_path, AlertmanagerChannel("on-call", receiver.address))
        line.send(notice(1), notice(2))
        line.later(61)
        ended = "2026-11-22T10:00:00.000000Z"
        line.send(notice(1, state="closed", ended_at=ended, closed_by="vera", reason="cured"))
        line.later(61)

    assert {path for path, _, _ in receiver.got} == {"/api/v2/alerts"}
    assert {headers["authorization"] for _, headers, _ in receiver.got} == {"Bearer a token"}
    sent = [[alert["labels"]["finding"] for alert in body] for body in receiver.bodies()]  # type: ignore[attr-defined]
    assert sent[0:2] == [["drift-1"], ["drift-2"]]
    assert sorted(sent[-3]) == ["drift-1", "drift-2"], "open alerts are repeated"
    assert sent[-2] == ["drift-1"] and sent[-1] == ["drift-2"], "and none that ended"
    alert = receiver.bodies()[0][0]  # type: ignore[index]
    assert alert["labels"] == {
        "alertname": "ModelNewCode",
        "severity": "warning",
        "service_name": "credit",
        "deployment_environment_name": "prod",
        "oci_manifest_digest": RELEASE,
        "finding": "drift-1",
        "ml_feature_name": "status",
        "owner": "risk models",
    }
    assert alert["annotations"]["runbook_url"] == "https://wiki.bank.example/drift"
    assert "decline 12.3%" in alert["annotations"]["description"]
    assert datetime.fromisoformat(alert["endsAt"]) > NOW + timedelta(days=6)
    assert receiver.bodies()[-2][0]["endsAt"] == ended  # type: ignore[index]


def test_a_restart_goes_on_repeating_what_is_open(tmp_path: Path) -> None:
    with hook() as receiver:
        channel = AlertmanagerChannel("on-call", receiver.address)
        Line(tmp_path, channel).send(notice(1))
        Line(tmp_path, channel).later(61)

    assert len(receiver.got) >= 2


def _mail(root: Path, office: PostOffice, **other: object) -> Line:
    values: dict[str, object] = {
        "name": "on-call",
        "recipients": ("risk@bank.example", "duty@bank.example"),
        "server": office.address,
        "sender": "goldenpath@bank.example",
        **other,
    }
    return Line(root, MailChannel(**values))  # type: ignore[arg-type]


def _tls(root: Path) -> ssl.SSLContext:
    authority = Authority(root)
    issued = authority.issue("server")
    authority.path.replace(root / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    return context


def test_a_mail_goes_over_tls_with_a_login_and_says_everything(tmp_path: Path) -> None:
    _secret(tmp_path, "pass word")
    office = PostOffice(_tls(tmp_path), user="goldenpath", password="pass word")
    with post_office(office):
        line = _mail(tmp_path, office, user="goldenpath")
        line.send(notice())

    assert line.faults == []
    ((secure, recipients, text),) = office.got
    assert secure and recipients == ["risk@bank.example", "duty@bank.example"]
    assert [each.split()[0].upper() for each in office.heard] == ["EHLO", "STARTTLS"]
    message = message_from_string(text)
    assert message["Subject"] == "goldenpath [open] prod/credit: new code in status"
    assert message["Message-ID"] == "<drift-1.open@bank.example>"
    body = message.get_payload(decode=True).decode()  # type: ignore[union-attr]
    for part in ("drift in status", "since:", "new code", "decline 12.3%", "promoted into prod"):
        assert part in body
    for part in ("risk models", "https://wiki.bank.example/drift", "goldenpath findings close"):
        assert part in body


def test_a_server_without_starttls_hears_neither_password_nor_alarm(tmp_path: Path) -> None:
    _secret(tmp_path, "pass word")
    office = PostOffice(None, user="goldenpath", password="pass word")
    with post_office(office):
        line = _mail(tmp_path, office, user="goldenpath", plain=True)
        line.send(notice())

    assert "does not offer STARTTLS" in line.faults[0][1]
    assert [each.split()[0].upper() for each in office.heard] == ["EHLO"]
    assert office.got == [] and len(line.outbox) == 1


def test_a_certificate_by_somebody_else_ends_the_connection(tmp_path: Path) -> None:
    office = PostOffice(_tls(tmp_path))
    (tmp_path / "authority.pem").unlink()  # so that only the authorities of the system count
    with post_office(office):
        line = _mail(tmp_path, office)
        line.send(notice())

    assert office.got == [] and len(line.outbox) == 1
    assert "does not answer: SSLCertVerificationError" in line.faults[0][1]


def test_a_recipient_whom_the_server_refuses_is_named_and_the_others_get_it_once(
    tmp_path: Path,
) -> None:
    office = PostOffice(_tls(tmp_path), refused=frozenset({"duty@bank.example"}))
    with post_office(office):
        line = _mail(tmp_path, office)
        line.send(notice())
        line.later(600)

    assert [recipients for _, recipients, _ in office.got] == [["risk@bank.example"]]
    assert "duty@bank.example" in line.faults[0][1] and len(line.outbox) == 0


def test_a_sentence_cannot_add_a_header(tmp_path: Path) -> None:
    office = PostOffice(_tls(tmp_path))
    with post_office(office):
        line = _mail(tmp_path, office)
        line.send(notice(features=("a\r\nBcc: thief@example.org",), what="x\r\n.\r\nQUIT\r\n"))

    ((_, recipients, text),) = office.got
    assert len(recipients) == 2
    assert "Bcc" not in dict(message_from_string(text).items())


def test_a_file_gets_each_notice_once_in_the_file_of_its_month(tmp_path: Path) -> None:
    line = Line(tmp_path, FileChannel("on-call", "prod"))
    line.send(notice(1))
    repeated = notice(1)
    line.send(repeated, notice(2, opened_at="2026-12-01T00:00:00.000000Z"))

    files = sorted((tmp_path / "alarms").iterdir())
    assert [each.name for each in files] == ["prod-2026-11.jsonl", "prod-2026-12.jsonl"]
    (row,) = map(json.loads, files[0].read_text().splitlines())
    assert (row["key"], row["model"], row["nearby"][0]["by"]) == ("drift-1.open", "credit", "vera")
