"""The flags of `goldenpath serve`, and the page that lists them."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from goldenpath.cli.families import command_of
from goldenpath.cli.serving_flags import PREFIX
from goldenpath.cli.serving_page import event_line

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()


def test_every_setting_of_the_server_is_a_row_of_the_page() -> None:
    command = command_of("serve")
    rows = {line for line in PAGE.splitlines() if f"`{PREFIX}_" in line and line.startswith("| `")}

    expected = {_row(each) for each in command.params if isinstance(each, click.Option)}
    source = f"| `SOURCE` | `{PREFIX}_SOURCE` |  | The release, as above. |"
    assert rows == {*expected, source}


def _row(option: click.Option) -> str:
    assert option.name is not None
    flags = "/".join([*option.opts, *option.secondary_opts])
    default = "" if option.default is None or not option.show_default else option.default
    return f"| `{flags}` | `{PREFIX}_{option.name.upper()}` | {default} | {option.help} |"


def test_each_flag_is_a_variable_and_a_mistyped_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(f"{PREFIX}_SOURCE", str(tmp_path / "absent"))
    monkeypatch.setenv(f"{PREFIX}_STATE", str(tmp_path / "state"))
    monkeypatch.setenv(f"{PREFIX}_VERIFIY", "policy.toml")

    result = CliRunner().invoke(command_of("serve"), [])

    assert f"did you mean {PREFIX}_VERIFY?" in result.output
    assert "absent does not exist" in str(result.exception)


def test_events_are_lines_for_people() -> None:
    ready = {"event": "ready", "model": "credit", "digest": "sha256:1", "mark": "observed"}
    ready |= {"address": "127.0.0.1:1", "seconds": 0.1}  # type: ignore[dict-item]

    assert event_line(ready).startswith("ready: credit sha256:1 (observed) answers on 127.0.0.1:1")
    assert "1 without a record" in event_line({"event": "drained", "answered": 2, "lost": 1})
    assert event_line({"event": "ready", "of": "observer", "metrics": "h:1"}).startswith("metrics")
    assert event_line({"event": "sealed", "of": "observer"}) == ""
