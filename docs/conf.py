"""How Sphinx makes the pages of this folder into a site: `make docs`.

The pages are plain Markdown that a forge shows as well. `README.md` is the one list of them: the
navigation is made of its headings and links when the site is built. Nothing is fetched.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "goldenpath"
html_title = "goldenpath"
root_doc = "README"
extensions = ["myst_parser"]
exclude_patterns: list[str] = []
nitpicky = True  # a reference without a target is a warning, and `make docs` ends at warnings
myst_heading_anchors = 4
myst_links_external_new_tab = False
html_theme = "furo"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "monokai"

_HEADING = re.compile(r"(#{2,3}) (.+)")
_LISTED = re.compile(r"\| |- |\d+\. ")
_LINK = re.compile(r"\[[^\]]+\]\(([^):#]+)\.md\)")


def navigation(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each heading of a list of pages with the pages below it, in their order.

    In a table only the first cell lists a page; the others describe it.
    """
    caption, above, pages = "", "", list[str]()
    for line in text.splitlines():
        heading = _HEADING.fullmatch(line)
        if heading is None:
            if _LISTED.match(line):
                pages += _LINK.findall(line.split("|")[1] if line.startswith("|") else line)
            continue
        if pages:
            yield caption, pages
        marks, title = heading.groups()
        above = title if marks == "##" else above
        caption, pages = title if marks == "##" else f"{above}: {title}", []
    if pages:
        yield caption, pages


def _with_navigation(_app: "Sphinx", docname: str, source: list[str]) -> None:
    if docname.rpartition("/")[2] != "README":
        return
    for caption, pages in navigation(source[0]):
        title = f":caption: {caption}\n" if caption else ""
        source[0] += f"\n```{{toctree}}\n:hidden:\n{title}\n" + "\n".join(pages) + "\n```\n"


def setup(app: "Sphinx") -> None:
    """Give the lists of pages their navigation."""
    app.connect("source-read", _with_navigation)
