"""Which packages of the lock a release needs here."""

import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from goldenpath.canonical import canonical_json
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from releasing.own_bill import own_bill
from releasing.runtime_lock import direct_names, parse_pins, runtime_pins
from releasing.wheel_build import BuiltWheel, SourceCommit
from tests.releasing.small_project import TIME

ROOT = Path(__file__).parent.parent.parent
HASH = "sha256:" + "a" * 64


def test_every_package_that_is_needed_at_run_time_is_pinned_by_digest() -> None:
    pins = {pin.name: pin for pin in runtime_pins(ROOT)}

    assert set(direct_names(ROOT)) <= set(pins)
    assert "markdown-it-py" in pins, "rich needs it"
    assert "pytest" not in pins
    for pin in pins.values():
        assert pin.hashes
        assert set(pin.needs) <= set(pins)


def test_a_lock_is_read_for_this_platform_only() -> None:
    text = (
        "# made by hand\n"
        f"numpy==2.4 ; python_version >= '3' \\\n    --hash={HASH}\n    # via x\n"
        f"numpy==1.0 ; python_version < '3' \\\n    --hash={HASH}\n"
        f"Ruamel.Yaml==0.18 \\\n    --hash={HASH}\n"
    )

    assert {n: p.version for n, p in parse_pins(text).items()} == {
        "numpy": "2.4",
        "ruamel-yaml": "0.18",
    }


@pytest.mark.parametrize("line", ["numpy==2.4\n", f"numpy>=2.4 --hash={HASH}\n"])
def test_a_line_that_pins_nothing_is_refused(line: str) -> None:
    with pytest.raises(InvalidInput, match="is no pin with a digest"):
        parse_pins(line)


def test_the_bill_is_valid_and_the_same_each_time() -> None:
    wheel = BuiltWheel("goldenpath-0.1.0-py3-none-any.whl", "0.1.0", b"wheel", {})
    pins = runtime_pins(ROOT)
    bill, again = (
        canonical_json(own_bill(wheel, SourceCommit("a" * 40, TIME), pins, direct_names(ROOT)))
        for _ in range(2)
    )
    found = json.loads(bill)

    assert bill == again
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.decode()) is None
    assert found["metadata"]["component"]["hashes"][0]["content"] == Digest.of(b"wheel").hex
    assert {each["name"] for each in found["components"]} == {pin.name for pin in pins}
    (own,) = (e for e in found["dependencies"] if e["ref"] == "pkg:pypi/goldenpath@0.1.0")
    assert len(own["dependsOn"]) == len(direct_names(ROOT))
