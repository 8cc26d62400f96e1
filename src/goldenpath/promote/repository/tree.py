"""Writes the tree of a commit from files, with an index of its own and without a checkout."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from goldenpath.promote.repository.git import Git


def write_tree(git: Git, cache: Path, parent: str | None, files: Mapping[str, bytes | None]) -> str:
    """Return the id of the tree of `parent` with these files in it; None removes a file.

    Raises `GitFailed` if git refuses, and `OSError` if the cache cannot be written.
    """
    with tempfile.TemporaryDirectory(dir=cache, prefix="index-") as name:
        folder, lines, contents = Path(name), [], []
        for number, (path, content) in enumerate(files.items()):
            if content is None:
                lines.append(f"0 {'0' * 40}\t{path}\0")
            else:
                (folder / str(number)).write_bytes(content)
                contents.append((path, folder / str(number)))
        index = folder / "index"
        if parent is not None:
            git.run("read-tree", parent, index=index)
        listed = "".join(f"{file}\n" for _, file in contents).encode()
        blobs = git.run("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=listed)
        for (path, _), blob in zip(contents, blobs.decode().split(), strict=True):
            lines.append(f"100644 {blob}\t{path}\0")
        git.run("update-index", "-z", "--index-info", stdin="".join(lines).encode(), index=index)
        return git.run("write-tree", index=index).decode().strip()
