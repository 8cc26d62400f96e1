"""Profiles: other orders and rows on the same evidence, each with its source."""

import pytest

from goldenpath.audit.report.control_map import current_map
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.proof import ORDER
from goldenpath.audit.report.report import render_markdown
from goldenpath.audit.report.report_profile import (
    ProfileName,
    parse_profile,
    profile_map,
    profiled,
)
from goldenpath.errors import InvalidInput
from tests.audit.made import bundle_of, make_release

OTHERS: tuple[ProfileName, ...] = ("finma", "model-risk")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> EvidenceBundle:
    return bundle_of(make_release(tmp_path_factory.mktemp("release")))


@pytest.mark.parametrize("name", OTHERS)
def test_every_row_names_its_source(name: ProfileName) -> None:
    rows = profile_map(name).rows

    assert len(rows) > 40
    marks = {"finma": ("FINMA", "FADP"), "model-risk": ("SR 26-2",)}[name]
    assert all(source.startswith(marks) for row in rows for source in row.source)
    assert not any("11-7" in source for row in rows for source in row.source)


def test_the_profiles_differ_in_order_and_rows() -> None:
    finma, risk = (profile_map(name) for name in OTHERS)
    ours = [(each.number,) for each in current_map().fields]
    orders = [[row.of for row in profile.rows] for profile in (finma, risk)]

    assert orders[0] != orders[1] and ours not in orders
    sets = [{each for row in profile.rows for each in row.of} for profile in (finma, risk)]
    assert sets[0] - sets[1] and sets[1] != {each.number for each in current_map().fields}
    assert finma.sections != risk.sections


@pytest.mark.parametrize("name", OTHERS)
def test_a_row_is_never_better_than_a_field_it_stands_on(
    bundle: EvidenceBundle, name: ProfileName
) -> None:
    act, made = profiled(bundle, "ai-act"), profiled(bundle, name)

    for row, field in zip(profile_map(name).rows, made.fields, strict=True):
        worst = min((act.field(each).status for each in row.of), key=ORDER.index)
        assert field.status == worst
        assert field.law == row.source
    assert sum(made.counts.values()) == len(made.fields)


@pytest.mark.parametrize("name", OTHERS)
def test_a_contradiction_outside_of_the_rows_is_still_on_page_one(
    bundle: EvidenceBundle, name: ProfileName
) -> None:
    act = profiled(bundle, "ai-act").field("11.4")
    assert act.status == "CONTRADICTED"
    assert all("11.4" not in row.of for row in profile_map(name).rows)

    page_one = render_markdown(profiled(bundle, name)).partition("## 1 ")[0]

    assert "outside of these rows" in page_one
    assert act.contradictions[0] in page_one


def test_the_digest_of_the_inputs_follows_evidence_and_maps(bundle: EvidenceBundle) -> None:
    digests = {profiled(bundle, name).bundle for name in ("ai-act", *OTHERS)}

    assert len(digests) == 3


_ROW = b"rows:\n  - {number: '1.1', title: t, of: ['1.1'], source: [law]}\n"
_HEAD = b"version: 1\nname: n\nlaw: l\nnote: n\nsections: {'1': s}\n"


def test_a_profile_is_read() -> None:
    assert parse_profile(_HEAD + _ROW).rows[0].source == ("law",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"of: ['1.1']", b"of: ['99.1']"),
        (b"of: ['1.1']", b"of: []"),
        (b"source: [law]", b"source: []"),
        (b"number: '1.1'", b"number: '2.1'"),
        (_ROW, _ROW + _ROW.partition(b"\n")[2]),
    ],
)
def test_a_bent_profile_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_profile((_HEAD + _ROW).replace(old, new))
