"""What a reader of another company looks for first: licence, rules, changelog, types."""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""Digest of the licence's text as its authors publish it."""


def test_the_licence_is_the_whole_text_of_apache_2() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2


@pytest.mark.parametrize("name", ["LICENSE", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_the_readme_leads_to_the_community_files(name: str) -> None:
    assert f"]({name})" in (ROOT / "README.md").read_text()


def test_the_package_tells_type_checkers_that_it_is_typed() -> None:
    assert (ROOT / "src" / "goldenpath" / "py.typed").is_file()


def test_the_changelog_has_the_sections_of_keep_a_changelog_in_their_order() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    allowed = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]

    for version in re.split(r"^## \[", text, flags=re.MULTILINE)[1:]:
        sections = re.findall(r"^### (.+)$", version, re.MULTILINE)
        assert sections == [name for name in allowed if name in sections]
        assert not re.search(r"^- ", version.partition("### ")[0], re.MULTILINE)


def test_no_file_is_committed_that_git_is_told_to_ignore() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert listed.stdout == ""


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")), ids=lambda page: page.name)
def test_every_link_of_a_page_at_the_root_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (ROOT / target).exists(), target
