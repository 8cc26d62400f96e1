"""Beyond loopback the console needs tokens and a certificate; a name of a host is no address."""

from pathlib import Path

import pytest

from goldenpath.compose.consoles.console_address import ConsoleAddress, address_of
from goldenpath.compose.consoles.console_listening import LOOPBACK, console_listening
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.settings import ACCESS_VARIABLE, CERTIFICATE_VARIABLE, PRIVATE_KEY_VARIABLE


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (ACCESS_VARIABLE, CERTIFICATE_VARIABLE, PRIVATE_KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_on_loopback_nothing_is_needed(no_settings: pytest.MonkeyPatch) -> None:
    listening = console_listening("127.0.0.1:0", (), None, pytest.fail)
    with listening.listener:
        assert listening.access is None
        assert listening.shown is not None
        assert listening.shown.context is None
        assert listening.hosts == LOOPBACK


def test_beyond_loopback_tokens_and_a_certificate_are_needed(
    no_settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=f"{ACCESS_VARIABLE} and {CERTIFICATE_VARIABLE} are"):
        console_listening("0.0.0.0:0", (), None, pytest.fail)
    rules = tmp_path / "access.json"
    rules.write_text('{"version": 1}')
    no_settings.setenv(ACCESS_VARIABLE, str(rules))
    with pytest.raises(InvalidInput, match=f"other machines, and {CERTIFICATE_VARIABLE} is"):
        console_listening("0.0.0.0:0", (), None, pytest.fail)


def test_tokens_count_on_loopback_too(no_settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rules = tmp_path / "access.json"
    rules.write_text('{"version": 1}')
    no_settings.setenv(ACCESS_VARIABLE, str(rules))
    listening = console_listening("127.0.0.1:0", ("Console.example",), None, pytest.fail)
    with listening.listener:
        assert listening.access is not None
        assert "console.example" in listening.hosts


def test_a_taken_port_is_unavailable(no_settings: pytest.MonkeyPatch) -> None:
    with (
        ConsoleAddress("127.0.0.1", 0).listener() as first,
        pytest.raises(Unavailable, match="cannot be listened on"),
    ):
        console_listening(address_of(first), (), None, pytest.fail)


@pytest.mark.parametrize("text", ["localhost:80", "127.0.0.1", "127.0.0.1:x", "[::1", ":80"])
def test_an_address_is_an_ip_address_and_a_port(text: str) -> None:
    with pytest.raises(InvalidInput, match="expected an IP address"):
        ConsoleAddress.parse(text)
    assert ConsoleAddress.parse("[::1]:80").text == "[::1]:80"
