"""The documentation: every link and anchor leads somewhere, every page is listed, none is long.

These tests need no generator; `make docs` builds the site of the same pages and ends at a warning.
"""

import re
import runpy
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reference.pages import pages

DOCS = Path(__file__).parents[3] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LONG = {"tutorial.md": 160}  # it is followed from top to bottom, in one go
KINDS = ("Tutorial", "How-to guides", "Concepts", "Reference", "Decisions")
_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as forges and MyST make them."""
    slugs: Counter[str] = Counter()
    found = set[str]()
    for title in re.findall(r"^#+ (.+)$", _BLOCK.sub("", text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        found.add(f"{slug}-{slugs[slug]}" if slugs[slug] else slug)
        slugs[slug] += 1
    return found


def faults(page: Path, root: Path) -> Iterator[str]:
    """Links of a page that lead nowhere, or out of the documentation."""
    text = re.sub(r"`[^`\n]*`", "", _BLOCK.sub("", page.read_text()))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.is_file() or not file.is_relative_to(root):
            yield f"{target} is no page"
        elif anchor and anchor not in anchors(file.read_text()):
            yield f"{target} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_link_and_every_anchor_leads_somewhere(page: Path) -> None:
    assert list(faults(page, DOCS)) == []


def test_a_link_or_an_anchor_to_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One\n\n## Who, and *why*\n\n[a](#who-and-why) [b](#who) [c](no.md) [d](/x)\n"
    )

    assert list(faults(page, tmp_path)) == [
        "#who has no such heading",
        "no.md is no page",
        "/x is no page",
    ]


@pytest.fixture(scope="module")
def navigation() -> Callable[[str], Iterator[tuple[str, list[str]]]]:
    """What the site makes of a list of pages."""
    found = runpy.run_path(str(DOCS / "conf.py"))["navigation"]
    assert callable(found)
    return found  # type: ignore[no-any-return]


def test_every_page_is_listed_once_under_a_kind(
    navigation: Callable[[str], Iterator[tuple[str, list[str]]]],
) -> None:
    listed = dict(navigation((DOCS / "README.md").read_text()))
    pages = Counter(f"{each}.md" for below in listed.values() for each in below)
    kinds = list(dict.fromkeys(caption.partition(":")[0] for caption in listed))

    assert kinds == [kind for kind in KINDS if kind in kinds]
    assert len(kinds) >= 4
    assert set(pages.values()) == {1}
    own = {page.name for page in DOCS.glob("*.md")} - {"README.md"}
    made = {f"reference/{page.name}" for page in (DOCS / "reference").glob("*.md")}
    assert set(pages) == {*own, *made, "adr/README.md"}


def test_every_decision_is_listed_in_its_order(
    navigation: Callable[[str], Iterator[tuple[str, list[str]]]],
) -> None:
    ((_, listed),) = navigation((DOCS / "adr" / "README.md").read_text())

    assert listed == [page.stem for page in sorted((DOCS / "adr").glob("[0-9]*.md"))]


def test_the_reference_is_what_the_code_says() -> None:
    written = {path.name: path.read_text("utf-8") for path in (DOCS / "reference").glob("*.md")}
    made = pages()

    differing = sorted(name for name in {*made, *written} if made.get(name) != written.get(name))
    assert differing == [], "run python -m reference"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_a_page(page: Path) -> None:
    if page.parent.name == "reference":
        return  # made from the code, to look things up
    assert len(page.read_text().splitlines()) <= LONG.get(page.name, 120)
