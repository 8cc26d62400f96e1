"""`goldenpath data`: compare a project's data with their pinned digests."""

import sys
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.progress import working
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.project.load import declared_data
from goldenpath.train.data.data_status import DataStatus, check_data, check_sample


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=".",
    help="Folder of the project; the working folder otherwise.",
)
@click.option("--pin", is_flag=True, help="Write the digests into goldenpath.toml.")
@click.option(
    "--parts", type=click.IntRange(min=1), help="Compare only this many parts of each data set."
)
@output_option
def verb(
    names: tuple[str, ...], project: Path, pin: bool, parts: int | None, output: Format
) -> None:
    """Compare the data sets NAMES, or all of them, with their pinned digests, or pin them."""
    home, sources = compose.home(), declared_data(project)
    unknown = set(names) - {each.name for each in sources}
    if unknown:
        known = ", ".join(each.name for each in sources)
        raise NotFound(f"there are no data {min(unknown)!r}: expected one of {known}")
    with working() as report:
        data_cache = compose.data_cache(home, report)
        seen = []
        for source in sources:
            if names and source.name not in names:
                continue
            report(f"reading {source.path}")
            seen.append(
                check_sample(project, source, data_cache, parts)
                if parts
                else check_data(project, source, data_cache, repin=pin)
            )
    show({"data": seen}, "\n".join(map(_line, seen)), output)
    if not all(each.agrees for each in seen):
        sys.exit(InvalidInput.exit_code)


def _line(seen: DataStatus) -> str:
    verdict = "as pinned" if seen.agrees else "NOT as pinned"
    wrong = f" ({', '.join(seen.wrong)})" if seen.wrong else ""
    return f"{seen.name:16} {seen.digest}  {seen.files} files, {seen.size} bytes, {verdict}{wrong}"
