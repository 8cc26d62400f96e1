"""`goldenpath report` in every format, the same in other processes, and `report card`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from goldenpath.audit.events.event_log import EventLog
from goldenpath.cli import report
from goldenpath.errors import InvalidInput
from goldenpath.home import HOME_VARIABLE, Home
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.artifact.release_tags import release_tag
from goldenpath.release.attest.keys import PemSigner
from goldenpath.settings import project_environment
from tests.audit.made import PROMOTED, Made, lived, make_release
from tests.audit.platform import FOUNDED, Grounds

MOMENT = (PROMOTED + timedelta(hours=3)).isoformat()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Made]]:
    folder = tmp_path_factory.mktemp("platform")
    grounds = Grounds(folder, project_environment(os.environ, "python3"))
    home = grounds.home
    made = make_release(
        folder, place=LayoutStore(home.registry), key=PemSigner.load(home.build_key)
    )
    grounds.list_people(made.people, FOUNDED)
    grounds.deploy("prod", {made.image.digest: 100}, PROMOTED)
    log = EventLog(home.events)
    for event in lived(made):
        log.append(event)
    yield home, made


def write(platform: tuple[Home, Made], *options: str) -> Result:
    home, made = platform
    arguments = [made.image.digest.text, "--as-of", MOMENT, *options]
    return CliRunner().invoke(report.verb, arguments, env={HOME_VARIABLE: str(home.root)})


def test_another_process_zone_and_locale_give_the_same_bytes(
    platform: tuple[Home, Made], tmp_path: Path
) -> None:
    home, made = platform
    forms = ("html", "md", "json", "pdf")
    for form in forms:
        assert (
            write(platform, "--format", form, "--file", str(tmp_path / f"a.{form}")).exit_code == 0
        )
    script = (
        "import sys; from goldenpath.cli.report import verb\n"
        "for form in sys.argv[4:]:\n"
        "    verb([sys.argv[1], '--as-of', sys.argv[2], '--format', form,\n"
        "          '--file', f'{sys.argv[3]}/b.{form}'], standalone_mode=False)\n"
    )
    others = {
        **os.environ, HOME_VARIABLE: str(home.root), "PYTHONHASHSEED": "12345",
        "TZ": "Pacific/Auckland", "LC_ALL": "C",
    }  # fmt: skip
    subprocess.run(
        [sys.executable, "-c", script, made.image.digest.text, MOMENT, str(tmp_path), *forms],
        env=others,
        check=True,
        capture_output=True,
    )

    for form in forms:
        assert (tmp_path / f"a.{form}").read_bytes() == (tmp_path / f"b.{form}").read_bytes(), form


def test_a_model_stands_for_its_newest_release(platform: tuple[Home, Made]) -> None:
    home, made = platform
    made.store.tag(release_tag("credit", "a" * 40), made.image)

    result = CliRunner().invoke(
        report.verb, ["credit", "--output", "json"], env={HOME_VARIABLE: str(home.root)}
    )

    assert json.loads(result.stdout)["digest"] == made.image.digest.text


def test_a_profile_has_its_own_rows(platform: tuple[Home, Made]) -> None:
    made = json.loads(write(platform, "--profile", "finma", "--format", "json").stdout)

    assert made["profile"] == "finma"
    assert made["sections"]["1"] == "Governance"


def test_a_pdf_needs_a_file(platform: tuple[Home, Made]) -> None:
    result = write(platform, "--format", "pdf")

    assert isinstance(result.exception, InvalidInput)
    assert "--file" in str(result.exception)


def test_a_field_of_a_card_is_explained() -> None:
    text = CliRunner().invoke(report.verb, ["card", "--explain", "Intended purpose"]).stdout

    assert "law      AI Act Annex IV 1(a)" in text
    assert "reason" in text and "example" in text


def test_all_fields_of_cards_are_listed() -> None:
    text = CliRunner().invoke(report.verb, ["card"]).stdout

    assert "system.yaml#provider" in text.splitlines()
