"""Where alarms go, as `platform.toml` says it: read back, and refused with the reason."""

import dataclasses
from datetime import timedelta

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.promote.platform.alarm_rules import (
    AlertmanagerChannel,
    FileChannel,
    MailChannel,
    ModelOwner,
    WebhookChannel,
    owner_of,
)
from goldenpath.promote.platform.platform import Platform, parse_platform, render_platform
from goldenpath.promote.platform.second_person import is_protected
from tests.promote.example import platform

CHANNELS = (
    AlertmanagerChannel("on-call", "https://alerts.bank.example:9093"),
    AlertmanagerChannel("in-cluster", "http://alertmanager.monitoring.svc:9093", plain=True),
    WebhookChannel("siem", "https://siem.bank.example/alarms", "ed25519"),
    MailChannel("team", ("a@bank.example",), "smtp.bank.example:587", "gp@bank.example", "gp"),
    FileChannel("log", "prod"),
)
OWNERS = (
    ModelOwner("risk models", ("credit-*",), "https://wiki.bank.example/drift", timedelta(days=14)),
    ModelOwner("the platform team"),
)


def _full() -> Platform:
    *before, last = platform().stages
    stages = (*before, dataclasses.replace(last, alarms=CHANNELS))
    return dataclasses.replace(platform(), stages=stages, owners=OWNERS)


def test_channels_and_owners_read_back() -> None:
    assert parse_platform(render_platform(_full())) == _full()
    assert b"[[stage.alarm]]" not in render_platform(platform())
    assert is_protected("platform.toml"), "an address is a matter of trust"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("https://siem", "http://siem", "webhook: expected an https address"),
        ("https://siem.bank", "https://user:pass@siem.bank", "webhook: expected an https"),
        ("https://siem.bank.example/", "ftp://siem.bank.example/", "webhook: expected an https"),
        ("https://siem.bank.example/", "https://siem.bank.example:99999/", "webhook: expected"),
        ("alarms", "alarms?a=b", "webhook: expected an https address"),
        ("plain = true", "", "alertmanager: expected an https address"),
        ('"ed25519"', '"none"', "signature: expected hmac or ed25519"),
        ('"a@bank.example"', '"a@bank.example\\nBcc: b"', "mail: expected an address"),
        ('["a@bank.example"]', "[]", "mail: expected 1 to 50 addresses"),
        ("smtp.bank.example:587", "smtp.bank.example", "server: expected HOST:PORT"),
        ("smtp.bank.example:587", "smtp.bank.example:0", "server: expected HOST:PORT"),
        ('sender = "gp@', 'sender = "gp', "sender: expected an address"),
        ('file = "prod"', 'file = "../prod"', "file: expected lower-case"),
        ('file = "prod"', 'file = "prod"\nmail = ["a@b.example"]', "expected exactly one of"),
        ('file = "prod"', "", "expected exactly one of"),
        ('name = "siem"', 'name = "on-call"', "name: expected a name that is used once"),
        ('name = "siem"', 'name = "a/b"', "name: expected lower-case"),
        ('"https://wiki', '"javascript://wiki', "runbook: expected an http or https address"),
        ('"14d"', '"soon"', "findings-within: expected a duration"),
        ('file = "prod"', 'file = "prod"\ncolour = "red"', "colour: is not a known key"),
    ],
)
def test_a_wrong_channel_is_refused_with_the_reason(old: str, new: str, fault: str) -> None:
    text = render_platform(_full()).decode()
    assert old in text

    with pytest.raises(InvalidInput, match=fault):
        parse_platform(text.replace(old, new, 1).encode())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9093", "[::1]:80"])
def test_http_to_this_machine_needs_no_permission(host: str) -> None:
    text = render_platform(_full()).decode().replace("https://siem.bank.example", f"http://{host}")

    parse_platform(text.encode())


@pytest.mark.parametrize("host", ["localhost.evil.example", "127.evil.example", "127.0.0.1.evil"])
def test_a_name_that_looks_like_this_machine_is_not_this_machine(host: str) -> None:
    text = render_platform(_full()).decode().replace("https://siem.bank.example", f"http://{host}")

    with pytest.raises(InvalidInput, match="webhook: expected an https address"):
        parse_platform(text.encode())


def test_a_stage_has_at_most_eight_channels() -> None:
    many = tuple(FileChannel(f"file-{number}", "prod") for number in range(9))
    *before, last = platform().stages
    stages = (*before, dataclasses.replace(last, alarms=many))
    text = render_platform(dataclasses.replace(platform(), stages=stages))

    with pytest.raises(InvalidInput, match="at most 8 channels"):
        parse_platform(text)


def test_the_first_owner_that_covers_a_model_answers_for_it() -> None:
    assert [owner_of(OWNERS, name) for name in ("credit-default", "price")] == [*OWNERS]
    assert owner_of(OWNERS[:1], "price") is None
