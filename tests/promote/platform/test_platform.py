import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.promote.platform.data_rules import DataRules
from goldenpath.promote.platform.demands import Demands
from goldenpath.promote.platform.log_rules import LogRules
from goldenpath.promote.platform.platform import TrainingDemand, parse_platform, render_platform
from goldenpath.release.attest.policy import TrustedKey
from goldenpath.release.attest.statement import SBOM
from tests.promote.example import DER, line, platform
from tests.release.attest.releases import new_signer

OTHER_DER = new_signer().public_key()
OTHER = "https://example.org/penetration-test/v1"


def test_a_platform_reads_back_as_it_was_written() -> None:
    assert parse_platform(render_platform(platform())) == platform()


@pytest.mark.parametrize("setting", ["observed", "any"])
def test_what_a_stage_demands_of_the_training_reads_back(setting: TrainingDemand) -> None:
    first, *others = platform().stages
    demanding = dataclasses.replace(
        platform(), stages=(dataclasses.replace(first, training=setting), *others)
    )

    assert parse_platform(render_platform(demanding)) == demanding
    with pytest.raises(InvalidInput, match="expected observed or any"):
        parse_platform(render_platform(demanding).replace(setting.encode(), b"seen"))


def test_periods_and_the_repository_read_back() -> None:
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    full = dataclasses.replace(
        platform(),
        demands=Demands("https://git.example/models", "https://ci.example/build", 1, (SBOM, OTHER)),
        gateway="127.0.0.1:9",
        build_keys=(TrustedKey("a", DER, moment, moment + timedelta(days=1), moment),),
        people=tuple(dataclasses.replace(each, valid_until=moment) for each in platform().people),
    )

    assert parse_platform(render_platform(full)) == full


def test_admission_keys_read_back_and_are_nobody_elses() -> None:
    admitting = TrustedKey("follower", OTHER_DER)
    full = dataclasses.replace(platform(), admission_keys=(admitting,))

    assert parse_platform(render_platform(full)) == full
    for same in (TrustedKey("follower", DER), TrustedKey("release", OTHER_DER)):
        wrong = dataclasses.replace(platform(), admission_keys=(same,))
        with pytest.raises(
            InvalidInput, match=r"has the same public-key as release|a name that is used once"
        ):
            parse_platform(render_platform(wrong))
    twice = dataclasses.replace(full, admission_keys=(admitting, TrustedKey("second", OTHER_DER)))
    with pytest.raises(InvalidInput, match="has the same public-key as follower"):
        parse_platform(render_platform(twice))


def test_rules_for_data_read_back() -> None:
    rules = DataRules(timedelta(days=3650), ("religion", "*social*"), 1000)
    full = dataclasses.replace(platform(), data=rules)

    assert parse_platform(render_platform(full)) == full
    wrong = render_platform(full).decode().replace('max-age = "3650d"', 'max-age = "ten years"')
    with pytest.raises(InvalidInput, match=r"data\.max-age: expected a duration"):
        parse_platform(wrong.encode())


def test_rules_for_the_log_read_back() -> None:
    rules = LogRules("refuse", timedelta(days=180), timedelta(days=3650))
    *before, last = platform().stages
    full = dataclasses.replace(platform(), stages=(*before, dataclasses.replace(last, log=rules)))

    assert parse_platform(render_platform(full)) == full
    for old, new, said in (
        ('on-loss = "refuse"', 'on-loss = "perhaps"', "on-loss: expected serve or refuse"),
        ('inputs = "180d"', 'inputs = "36h"', "inputs: expected whole days"),
        ('records = "3650d"', 'records = "90d"', "records: expected at least as long as inputs"),
        ('records = "3650d"', 'recods = "90d"', "recods: is not a known key"),
    ):
        with pytest.raises(InvalidInput, match=said):
            parse_platform(render_platform(full).decode().replace(old, new).encode())


def test_who_answers_instead_of_a_release_reads_back() -> None:
    *before, last = platform().stages
    rules = dataclasses.replace(last, canary_refusals="stable", stable_outage="refuse")
    full = dataclasses.replace(platform(), stages=(*before, rules))

    content = render_platform(full).decode()
    assert parse_platform(content.encode()) == full
    for key, value in (("canary-refusals", "stable"), ("stable-outage", "refuse")):
        wrong = content.replace(f'{key} = "{value}"', f'{key} = "nobody"')
        with pytest.raises(InvalidInput, match=f"{key}: expected"):
            parse_platform(wrong.encode())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version = 1", "version = 2", "version"),
        ("[registry]", "[register]", "registry: expected a table"),
        ("approvals = 2", "approvals = -2", r"stage\[3\].approvals"),
        ("approvals = 2", "approvels = 2", r"stage\[3\].approvels: is not a known key"),
        ('soak = "2h"', 'soak = "2 hours"', "duration"),
        ('"approvals"]', '"aprovals"]', "'aprovals' is not a gate"),
        ('gates = ["evidence", "stage-before", "approvals"]', "gates = []", "last stage"),
        ('name = "test"', 'name = "dev"', "is used once"),
        ('name = "test"', 'name = "../test"', "lower-case"),
        (line("M"), line("V"), "same ssh-key"),
        (line("M"), "ssh-rsa", "ssh-key"),
        ("BEGIN PUBLIC", "BEGIN PRIVATE", "public-key"),
        ('roles = ["validator"]', 'roles = "validator"', "list of strings"),
        ("version = 1", "version = ", "not valid TOML"),
        ("version = 1", "version = 1\nthreshold = 0", "threshold: expected a whole number from 1"),
        ("version = 1", "version = 1\nthreshold = 2", "at most the 1 build keys, got 2"),
        ("version = 1", 'version = 1\nrequired = ["bill"]', "required: expected a predicate type"),
        ("version = 1", "version = 1\nbuilder = 1", "builder: expected a string"),
        ("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcE", "key on P-256"),
        ('prefix = "', 'prefix = "https://', "without scheme"),
    ],
)
def test_a_fault_is_named_with_its_key(old: str, new: str, said: str) -> None:
    content = render_platform(platform()).decode()
    assert old in content

    with pytest.raises(InvalidInput, match=said):
        parse_platform(content.replace(old, new, 1).encode())


def test_all_faults_are_told_at_once() -> None:
    content = render_platform(platform()).decode()
    content = content.replace("approvals = 2", "approvals = true").replace("2h", "soon")

    with pytest.raises(InvalidInput, match="2 faults") as caught:
        parse_platform(content.encode())
    assert "approvals" in caught.value.message
    assert "soak" in caught.value.message
