"""What the declaration of a project says about its files, compared with the exported source."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from goldenpath.errors import InvalidInput
from goldenpath.project.dvc_pointer import read_pointer
from goldenpath.project.links import first_link
from goldenpath.project.load import read_declaration
from goldenpath.project.spec import DataSource, Project


def data_in_project(root: Path, sources: Sequence[DataSource]) -> tuple[str, ...]:
    """Return the paths of declared data in the project. They are not part of the source.

    Raises `InvalidInput` for a link on the way to data, and for data outside the project.
    """
    return tuple(_paths(root, sources))


def refuse_other_declaration(project: Project, source: Path) -> None:
    """Raise `InvalidInput` unless the exported source declares this very project."""
    exported = read_declaration(source)
    # Indexes and hosts may be those of the platform.
    declared = replace(
        exported, root=project.root, indexes=project.indexes, file_hosts=project.file_hosts
    )
    if declared != project:
        raise InvalidInput(
            "goldenpath.toml changed while the build started", hint="run the build again"
        )


def _paths(root: Path, sources: Sequence[DataSource]) -> Iterator[str]:
    for source in sources:
        if source.kind not in ("local", "dvc"):
            continue
        path = PurePosixPath(source.path)
        if source.kind == "dvc":
            path = path.parent / read_pointer(root / source.path).path
        if path.is_absolute() or ".." in path.parts:
            raise InvalidInput(f"the data {source.name!r} are outside the project: {source.path!r}")
        link = first_link(root, str(path))
        if link is not None:
            raise InvalidInput(
                f"{link} is a link: expected the data {source.name!r} themselves",
                hint="replace the link by a copy, or declare data that are kept elsewhere",
            )
        yield str(path)
