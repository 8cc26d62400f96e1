"""The documentation: every link leads somewhere, every decision is listed, none is long."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_decision_is_listed() -> None:
    index = (DOCS / "README.md").read_text()

    for page in (DOCS / "adr").glob("*.md"):
        assert f"adr/{page.name}" in index


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_a_page(page: Path) -> None:
    assert len(page.read_text().splitlines()) <= 120
