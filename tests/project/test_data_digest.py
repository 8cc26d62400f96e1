"""Digests of files, folders and pieces are those that two programs of every Unix give."""

import subprocess
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.project import data_digest
from goldenpath.project.data_digest import check_parts, digest_data, parse_listing
from goldenpath.project.journal import Journal


def shell(command: str, folder: Path) -> str:
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, check=True)
    return done.stdout.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "months"
    for name in ("b.csv", "a.csv", "2005/04.csv", "2005-05.csv", "ümlaut.csv"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(f"month\n{name}\n")
    return made


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A piece and a bit; sparse, so quick to make."""
    path = tmp_path / "large.parquet"
    with path.open("wb") as file:
        file.write(b"start")
        file.seek(data_digest.PIECE)
        file.write(b"end")
    return path


def test_a_file_has_the_digest_of_sha256sum(folder: Path) -> None:
    found = digest_data(folder / "a.csv")

    assert shell("sha256sum a.csv", folder).split()[0] == found.digest.hex
    assert (found.files, found.listing) == (1, b"")


def test_a_folder_has_the_digest_of_what_sha256sum_prints(folder: Path) -> None:
    found = digest_data(folder)

    said = shell("find * -type f | LC_ALL=C sort | xargs sha256sum", folder)
    assert found.listing.decode() == said
    assert (found.files, found.size) == (5, len(shell("cat *.csv */*.csv", folder).encode()))


def test_pieces_have_the_listing_of_split(large: Path) -> None:
    found = digest_data(large, pieces=True)

    (large.parent / "split").mkdir()
    shell(f"split -b 64M -d -a 8 {large} split/ && cd split && sha256sum * > ../said", large.parent)
    assert found.listing.decode() == (large.parent / "said").read_text()
    assert (found.files, found.size) == (1, large.stat().st_size)


def test_any_change_of_a_folder_is_another_digest(folder: Path) -> None:
    digests = {digest_data(folder).digest}
    (folder / "a.csv").rename(folder / "c.csv")
    digests.add(digest_data(folder).digest)
    (folder / "c.csv").write_text("other")
    digests.add(digest_data(folder).digest)
    (folder / "empty.csv").touch()
    digests.add(digest_data(folder).digest)

    assert len(digests) == 4


def test_what_is_no_file_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "link").symlink_to("/etc/hostname")
    with pytest.raises(InvalidInput, match="is a link"):
        digest_data(folder)
    (tmp_path / "none").mkdir()
    with pytest.raises(InvalidInput, match="has no files"):
        digest_data(tmp_path / "none")
    (tmp_path / "none" / "a\nb").touch()
    with pytest.raises(InvalidInput, match="cannot hold"):
        digest_data(tmp_path / "none")


def test_parts_are_checked_alone(folder: Path) -> None:
    found = digest_data(folder)

    assert check_parts(folder, found.listing, found.digest, 5) == ()
    (folder / "b.csv").write_text("month\nB.csv\n")
    assert check_parts(folder, found.listing, found.digest, 5) == ("b.csv",)
    assert check_parts(folder, found.listing, found.digest, 1) == ()


def test_a_listing_of_something_else_is_refused(folder: Path) -> None:
    found = digest_data(folder)

    with pytest.raises(InvalidInput, match="listing is another one"):
        check_parts(folder, found.listing + b"x", found.digest, 1)
    (folder / "b.csv").unlink()
    with pytest.raises(InvalidInput, match=r"other parts than its listing: b\.csv"):
        check_parts(folder, found.listing, found.digest, 1)
    with pytest.raises(InvalidInput, match="a line that is not"):
        parse_listing(b"no listing\n")


def test_an_interrupted_digest_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    whole = digest_data(folder)
    first = Journal(tmp_path / "journals", folder)
    digest_data(folder, journal=first)
    (folder / "b.csv").write_text("month\nchanged since\n")

    again = Journal(tmp_path / "journals", folder)
    found = digest_data(folder, journal=again)

    assert (first.reused, again.reused) == (0, 4)
    assert found.digest == digest_data(folder).digest != whole.digest
    again.end()
    assert list((tmp_path / "journals").iterdir()) == []


def test_a_journal_that_was_cut_off_is_read_up_to_there(folder: Path, tmp_path: Path) -> None:
    digest_data(folder, journal=Journal(tmp_path, folder))
    (file,) = tmp_path.glob("*.journal")
    file.write_bytes(file.read_bytes()[:-9])

    again = Journal(tmp_path, folder)

    assert digest_data(folder, journal=again).digest == digest_data(folder).digest
    assert again.reused == 4


def test_a_file_that_grows_while_it_is_read_is_refused(folder: Path) -> None:
    path = folder / "a.csv"
    span = data_digest.Span("a.csv", path, 0, path.stat().st_size - 1, 0)

    with pytest.raises(InvalidInput, match="became longer"):
        data_digest._hash(span)
    assert Digest.of(path.read_bytes()) == digest_data(path).digest
