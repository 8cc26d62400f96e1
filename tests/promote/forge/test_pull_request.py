"""Pull requests on forges: three interfaces, one behaviour, and a real repository."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from goldenpath.cli.trusting import trust_text
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.http.json_client import MAX_BYTES, Rest
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.acts.intents import PromotionIntent
from goldenpath.promote.forge.forges import open_forge
from goldenpath.promote.forge.pull_request import Agreed, Forge
from goldenpath.promote.platform.forge_settings import ForgeSettings, Kind
from goldenpath.promote.platform.platform import parse_platform, render_platform
from goldenpath.promote.workspace.stage_changes import promote, roll_back
from goldenpath.promote.workspace.trust_changes import change_trust, confirm
from goldenpath.promote.workspace.workspace import Outcome
from tests.promote.example import platform
from tests.promote.forge.forges import TOKEN, FakeForge, serving
from tests.promote.repository.protected import protect
from tests.promote.road import MODEL, Road


class Village:
    """A protected repository with a forge in front of it."""

    def __init__(self, road: Road, kind: Kind, settings: ForgeSettings, fake: FakeForge) -> None:
        self.road = road
        self.kind = kind
        self.settings = settings
        self.fake = fake
        self.forge: Forge = open_forge(settings, TOKEN)

    def promote(self, digest: Digest, forge: Forge | None = None) -> Outcome[PromotionIntent]:
        desk = replace(self.road.desk("platform-engineer"), forge=forge or self.forge)
        return promote(desk, digest, "dev", reason="better on young people")


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    made = Road(tmp_path_factory.mktemp("road"))
    made.promote(made.release(b"one"), "dev")
    made.promote(made.release(b"two"), "dev")
    protect(made.home.gitops)
    return made


@pytest.fixture(params=get_args(Kind))
def village(road: Road, request: pytest.FixtureRequest) -> Iterator[Village]:
    fake = FakeForge(request.param, road.home.gitops)
    with serving(fake) as settings:
        yield Village(road, request.param, settings, fake)


def test_a_promotion_opens_one_request_for_its_branch(village: Village) -> None:
    digest = village.road.release(b"three")

    done = village.promote(digest)
    again = village.promote(digest)

    assert (done.commit, len(village.fake.requests)) == ("", 1)
    (made,) = village.forge.waiting()
    assert done.request.url == again.request.url == made.url
    assert made.branch == done.branch == f"goldenpath/promote-dev-{MODEL}-{digest.hex[:12]}"
    with village.road.repository.incoming(done.branch) as (_, waiting):
        assert made.commit == waiting
    opened = village.fake.requests[0]
    assert opened.title == f"dev: promote {MODEL} {digest.short}"
    assert f"    Release-Digest: {digest}" in opened.body


def test_a_rollback_opens_one_too(village: Village) -> None:
    desk = replace(village.road.desk("validator"), forge=village.forge)

    done = roll_back(desk, MODEL, "dev", reason="it declines everybody")

    assert done.request.url == village.forge.waiting()[0].url


def test_a_confirmed_change_of_trust_opens_one_too(village: Village) -> None:
    road = village.road
    trusted = road.trusted()
    files = platform_files(replace(trusted.platform, refused_licences=("AGPL-3.0-only",)))
    change = change_trust(road.desk("platform-engineer"), trusted, files, "licences", two=True)
    second = replace(road.desk("validator"), forge=village.forge)

    done = confirm(second, change.intent.proposal)

    assert done.branch.endswith("-confirmed")
    assert f"pull request {village.forge.waiting()[0].url}" in trust_text(done)


def test_who_approved_is_read_and_the_last_word_counts(village: Village) -> None:
    village.promote(village.road.release(b"three"))
    (made,) = village.forge.waiting()
    assert village.forge.agreed(made) == ()

    village.fake.approve("val")
    village.fake.approve("rita")
    if village.kind != "gitlab":  # which keeps only who approves now
        village.fake.approve(
            "rita", "CHANGES_REQUESTED" if village.kind == "github" else "REQUEST_CHANGES"
        )
        village.fake.approve("val", "COMMENTED")
        village.fake.approve("old", commit="0" * 40)

    found = village.forge.agreed(made)
    if village.kind == "gitlab":
        assert found == (Agreed("rita", ""), Agreed("val", ""))
    else:
        assert found == (Agreed("old", "0" * 40), Agreed("val", made.commit))


def test_many_requests_come_page_by_page(village: Village) -> None:
    village.promote(village.road.release(b"three"))
    first = village.fake.requests[0]
    village.fake.requests = [replace(first, number=n) for n in range(1, 121)]
    village.fake.requests[5] = replace(first, number=6, branch="somebody/else")

    assert len(village.forge.waiting()) == 119


def test_a_forge_that_is_away_or_refuses_does_not_hide_the_branch(village: Village) -> None:
    digest = village.road.release(b"three")
    stranger = open_forge(village.settings, "wrong-token-of-nobody")

    done = village.promote(digest, stranger)

    assert done.branch and not done.request.url
    assert "refuses the token" in done.request.instruction
    assert "open a pull request" in done.request.instruction
    assert "wrong-token" not in done.request.instruction


def test_a_reading_is_tried_again_and_a_writing_is_not(village: Village) -> None:
    village.fake.fails = 1
    assert village.forge.waiting() == ()

    village.fake.fails = 1
    with pytest.raises(Unavailable, match="answers with 502"):
        village.forge.open("goldenpath/x", "title", "body")
    assert len([each for each in village.fake.asked if each.startswith("POST")]) == 1


def test_a_branch_that_is_not_there_is_refused_in_the_words_of_the_forge(village: Village) -> None:
    with pytest.raises(InvalidInput, match=r"refuses /.* with 422: .*Validation Failed"):
        village.forge.open("goldenpath/none", "title", "body")


def test_a_forge_is_read_and_written_and_gets_no_token_over_plain_http() -> None:
    settings = ForgeSettings("gitea", "https://git.example/api/v1", "platform/gitops")
    known = replace(platform(), forge=settings)

    assert parse_platform(render_platform(known)) == known
    for url in ("http://git.example/api/v1", "https://user:x@git.example", "file:///etc"):
        with pytest.raises(InvalidInput, match=r"forge.url: expected the https address"):
            parse_platform(render_platform(replace(known, forge=replace(settings, url=url))))


def test_without_a_token_nothing_is_asked() -> None:
    with pytest.raises(InvalidInput, match="no token"):
        open_forge(ForgeSettings("gitea", "https://git.example", "a/b"), "")


def test_answers_are_bounded_and_redirects_not_followed(tmp_path: Path) -> None:
    fake = FakeForge("gitea", tmp_path)
    with serving(fake) as settings:
        rest = Rest(settings.url, "the forge", {"Authorization": f"token {TOKEN}"})
        fake.answer = lambda *_: (302, {})  # type: ignore[method-assign]
        with pytest.raises(InvalidInput, match="with 302"):
            rest.get("/x")
        fake.answer = lambda *_: (200, "x" * MAX_BYTES)  # type: ignore[method-assign]
        with pytest.raises(InvalidInput, match="more than"):
            rest.get("/x")
        fake.answer = lambda *_: (400, f"no {TOKEN}")  # type: ignore[method-assign]
        with pytest.raises(InvalidInput) as caught:
            rest.get("/x")
    assert TOKEN not in caught.value.message
