"""`python -m reference`: write the pages of `docs/reference` anew."""

from pathlib import Path

from reference.pages import pages

FOLDER = Path(__file__).parents[1] / "docs" / "reference"


def main() -> None:
    """Write every page, and remove what is none any more."""
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, "utf-8")
    print(f"{len(made)} pages in {FOLDER}")


if __name__ == "__main__":
    main()
