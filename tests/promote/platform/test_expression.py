"""Gates in CEL: faults are found when the file is read; judged on evidence like other gates."""

from dataclasses import replace
from datetime import timedelta

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.promote.gates.gate import Evidence, judge_all
from goldenpath.promote.gates.written_gates import facts, written_gates
from goldenpath.promote.platform.expression import Expression
from goldenpath.promote.platform.platform import parse_platform, render_platform
from goldenpath.promote.platform.vocabulary import EXAMPLE
from goldenpath.release.attest.policy import Finding
from tests.promote.example import platform
from tests.promote.gates.test_gates import NOW, PROD, ROAD, evidence, live
from tests.promote.road import METRICS, good_run

SMALL = Expression("enough-rows", ("prod",), "release.rows >= 5000", cure="evaluate on more rows")


def judged(require: str, when: str = "true", given: Evidence | None = None) -> Finding:
    gate = Expression("own", ("prod",), require, when)
    base = given or evidence()
    road = replace(ROAD, expressions=(gate,))
    stage = replace(PROD, gates=())
    road = replace(road, stages=(stage, replace(PROD, name="later")))
    (found,) = judge_all(written_gates(road), replace(base, platform=road), stage, NOW)
    return found


def read(**texts: str) -> None:
    lines = {"name": "own", "require": "true", "when": "true", **texts}
    written = "\n".join(f"{key} = '''{text}'''" for key, text in lines.items())
    content = render_platform(platform()).decode()
    parse_platform(f'{content}\n[[gate]]\nstages = ["prod"]\n{written}\n'.encode())


def test_an_expression_reads_back_as_it_was_written() -> None:
    full = replace(platform(), expressions=(SMALL, replace(SMALL, name="other", when="1 < 2")))

    assert parse_platform(render_platform(full)) == full


@pytest.mark.parametrize(
    "require",
    [
        "release.rows >= 5000 && release.python.startsWith('3.')",
        "overall.roc_auc.low > 0.8",
        "metrics.all(m, m.name != 'brier' || m.value < 0.2)",
        "datasets.all(d, d.licence != '' && !('postcode' in d.columns))",
        "!packages.exists(p, p.licence.contains('AGPL'))",
        "parameters.kind == 'forest' && parameters['trees'] <= 500",
        "now - release.finished < duration('720h')",
        "'compliance/card.md' in documents && stage == 'prod' && live == null",
    ],
)
def test_what_holds_passes(require: str) -> None:
    read(require=require)

    assert judged(require) == Finding("own", "pass", f"holds: {require}")


def test_what_does_not_hold_fails_with_its_cure() -> None:
    found = judged("overall.roc_auc.low > 0.9")

    assert (found.status, found.message) == ("fail", "does not hold: overall.roc_auc.low > 0.9")
    assert found.cure


def test_a_gate_that_does_not_apply_says_when_it_would() -> None:
    found = judged("false", when="release.tier == 'high'")

    assert (found.status, found.message) == (
        "not applicable",
        "applies only when release.tier == 'high'",
    )


@pytest.mark.parametrize(
    "require",
    ["overall.never_measured.low > 0.9", "overall.roc_auc.low > 0.9", "metrics[99].rows > 1"],
)
def test_what_cannot_be_said_of_this_release_is_no_pass(require: str) -> None:
    unsure = replace(good_run(), metrics=(replace(METRICS[0], low=None), *METRICS[1:]))
    run = evidence(unsure)

    assert judged(require, given=run).status == "fail"


def test_the_live_release_can_be_compared() -> None:
    assert judged("overall.roc_auc.value >= live.overall.roc_auc.value",
                  given=evidence(live=live())).status == "pass"  # fmt: skip


def test_a_gate_stands_only_where_it_says() -> None:
    road = replace(ROAD, expressions=(replace(SMALL, stages=("test",)),))

    assert (
        judge_all((*written_gates(road),), evidence(platform=road), replace(PROD, gates=()), NOW)
        == ()
    )


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"require": "overall."}, "is not CEL"),
        ({"require": "relase.rows > 1"}, "did you mean release?"),
        ({"require": "release.rowz > 1"}, "no member 'rowz'"),
        ({"require": "release.rows"}, "expected true or false, got int"),
        ({"require": "release.rows > 'many'"}, "No such overload"),
        ({"require": "shell('id') == ''"}, "shell"),
        ({"when": "1"}, "when: expected true or false, got int"),
        ({"require": "true" + " && true" * 200}, "at most 1000 characters"),
        (
            {"require": "metrics.all(a, metrics.all(b, metrics.all(c, true)))"},
            "at most 2 of all",
        ),
        ({"name": "champion"}, "a name that no other gate has"),
        ({"unknown": "x"}, "not a known key"),
    ],
)
def test_a_fault_is_found_when_the_file_is_read(texts: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read(**texts)


def test_a_stage_that_is_none_is_found() -> None:
    wrong = replace(platform(), expressions=(replace(SMALL, stages=("moon",)),))

    with pytest.raises(InvalidInput, match="'moon' is not a stage"):
        parse_platform(render_platform(wrong))


def test_the_example_has_the_shape_of_the_facts() -> None:
    found = facts(evidence(live=live()), PROD, NOW + timedelta(0))

    def shape(value: object) -> object:
        if isinstance(value, dict):
            return {key: shape(each) for key, each in value.items()}
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return [shape(value[0])]
        return type(value)

    open_ended = ("overall", "parameters", "live", "documents")
    assert list(found) == list(EXAMPLE)
    for key in set(EXAMPLE) - set(open_ended):
        assert shape(found[key]) == shape(EXAMPLE[key]), key
