"""Filters of ids: they read few files, and hide none."""

from contextlib import closing
from pathlib import Path

import numpy as np

from goldenpath.observe.id_filters import IdFilters


class Files:
    """Files of ids in a folder, and a count of those that were read."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.reads = folder / "files", 0
        self.folder.mkdir(parents=True)
        self.filters = IdFilters[Path](folder / "filters.db", lambda path: path.name)
        self.ids = {}
        for number in range(count):
            path = self.folder / f"{number:04}"
            self.ids[path] = [f"{number:016x}{each:016x}-{each}" for each in range(5)]
        self.paths = [*self.ids]

    def read(self, path: Path) -> list[str]:
        """The ids of a file."""
        self.reads += 1
        return self.ids[path]

    def find(self, wanted: str) -> Path | None:
        """The first file with an id, and nothing further is read."""
        with closing(self.filters.candidates(self.paths, wanted, self.read)) as candidates:
            return next((path for path in candidates if wanted in self.ids[path]), None)


def files_read(folder: Path, count: int) -> int:
    """Files that are read for one id, after another one was looked for."""
    files = Files(folder, count)
    assert files.find("f" * 32) is None
    assert files.reads == count
    files.reads = 0
    wanted = files.paths[count // 2]
    assert files.find(files.ids[wanted][3]) == wanted
    return files.reads


def test_four_times_the_files_are_not_read_again(tmp_path: Path) -> None:
    assert files_read(tmp_path / "few", 10) == files_read(tmp_path / "many", 40) == 0


def test_a_search_reads_no_further_than_it_is_asked(tmp_path: Path) -> None:
    files = Files(tmp_path, 10)

    assert files.find(files.ids[files.paths[2]][0]) == files.paths[2]
    assert files.reads == 3
    assert files.find(files.ids[files.paths[4]][0]) == files.paths[4]
    assert files.reads == 5


def test_an_id_without_its_row_finds_the_request(tmp_path: Path) -> None:
    files = Files(tmp_path, 3)
    request = files.ids[files.paths[1]][0].partition("-")[0]

    assert [*files.filters.candidates(files.paths, request, files.read)] == [files.paths[1]]


def test_files_that_are_gone_are_forgotten_and_new_ones_are_read(tmp_path: Path) -> None:
    files = Files(tmp_path, 4)
    assert files.find("f" * 32) is None
    del files.paths[0]
    new = files.folder / "new"
    files.paths.append(new)
    files.ids[new] = ["e" * 32 + "-0"]
    files.reads = 0

    assert files.find("e" * 32 + "-0") == new
    assert files.find("e" * 32 + "-0") == new
    assert files.reads == 1


def test_a_damaged_index_hides_no_file_for_long(tmp_path: Path) -> None:
    files, chance = Files(tmp_path, 6), np.random.default_rng(1)
    assert files.find("f" * 32) is None
    file = tmp_path / "filters.db"
    whole = file.read_bytes()
    for _ in range(30):
        damaged = bytearray(whole)
        damaged[int(chance.integers(len(damaged)))] ^= 1 << int(chance.integers(8))
        file.write_bytes(damaged)
        for path in files.paths:
            assert files.find(files.ids[path][1]) in (path, None)
    file.write_bytes(b"no database")
    for path in files.paths:
        assert files.find(files.ids[path][1]) == path
