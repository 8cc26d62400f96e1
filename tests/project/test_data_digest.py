"""Digests of files, folders and pieces equal those of `sha256sum` and `split`."""

import subprocess
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.project import data_digest
from goldenpath.project.data_digest import check_parts, digest_data, parse_listing
from goldenpath.project.digest_journal import DigestJournal


def shell(command: str, folder: Path) -> str:
    process = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, check=True)
    return process.stdout.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    months = tmp_path / "months"
    for name in ("b.csv", "a.csv", "2005/04.csv", "2005-05.csv", "ümlaut.csv"):
        (months / name).parent.mkdir(parents=True, exist_ok=True)
        (months / name).write_text(f"month\n{name}\n")
    return months


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Return a file slightly larger than one piece. It is sparse, so it is quick to make."""
    path = tmp_path / "large.parquet"
    with path.open("wb") as file:
        file.write(b"start")
        file.seek(data_digest.PIECE)
        file.write(b"end")
    return path


def test_a_file_has_the_digest_of_sha256sum(folder: Path) -> None:
    data = digest_data(folder / "a.csv")

    assert shell("sha256sum a.csv", folder).split()[0] == data.digest.hex
    assert (data.files, data.listing) == (1, b"")


def test_a_folder_has_the_digest_of_what_sha256sum_prints(folder: Path) -> None:
    data = digest_data(folder)

    listing = shell("find * -type f | LC_ALL=C sort | xargs sha256sum", folder)
    assert data.listing.decode() == listing
    assert (data.files, data.size) == (5, len(shell("cat *.csv */*.csv", folder).encode()))


def test_pieces_have_the_listing_of_split(large: Path) -> None:
    data = digest_data(large, pieces=True)

    (large.parent / "split").mkdir()
    shell(f"split -b 64M -d -a 8 {large} split/", large.parent)
    assert data.listing.decode() == shell("sha256sum *", large.parent / "split")
    assert (data.files, data.size) == (1, large.stat().st_size)


def test_any_change_of_a_folder_changes_its_digest(folder: Path) -> None:
    digests = {digest_data(folder).digest}
    (folder / "a.csv").rename(folder / "c.csv")
    digests.add(digest_data(folder).digest)
    (folder / "c.csv").write_text("other")
    digests.add(digest_data(folder).digest)
    (folder / "empty.csv").touch()
    digests.add(digest_data(folder).digest)

    assert len(digests) == 4


def test_links_empty_folders_and_names_with_line_breaks_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "link").symlink_to("/etc/hostname")
    with pytest.raises(InvalidInput, match="is a link"):
        digest_data(folder)
    (tmp_path / "none").mkdir()
    with pytest.raises(InvalidInput, match="has no files"):
        digest_data(tmp_path / "none")
    (tmp_path / "none" / "a\nb").touch()
    with pytest.raises(InvalidInput, match="cannot hold"):
        digest_data(tmp_path / "none")


POINTER = f"version https://git-lfs.example/spec/v1\noid sha256:{'ab' * 32}\nsize 12\n"


@pytest.mark.parametrize("pieces", [False, True])
def test_a_pointer_of_git_lfs_is_never_the_data(tmp_path: Path, pieces: bool) -> None:
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "rows.parquet"
    file.write_text(POINTER)

    for path in (file, tmp_path / "data"):
        with pytest.raises(InvalidInput, match="pointer of git-lfs") as refused:
            digest_data(path, pieces=pieces and path.is_file())
        assert refused.value.hint == "run git lfs pull"


@pytest.mark.parametrize(
    "text", [POINTER + "more\n", POINTER.replace("sha256", "md5"), "version 1\n", ""]
)
def test_what_only_looks_like_a_pointer_is_data(tmp_path: Path, text: str) -> None:
    (tmp_path / "rows.csv").write_text(text)

    assert digest_data(tmp_path / "rows.csv").size == len(text)


def test_parts_are_checked_alone(folder: Path) -> None:
    data = digest_data(folder)

    assert check_parts(folder, data.listing, data.digest, 5) == ()
    (folder / "b.csv").write_text("month\nB.csv\n")
    assert check_parts(folder, data.listing, data.digest, 5) == ("b.csv",)
    assert check_parts(folder, data.listing, data.digest, 1) == ()


def test_a_wrong_listing_is_refused(folder: Path) -> None:
    data = digest_data(folder)

    with pytest.raises(InvalidInput, match="listing has the wrong digest"):
        check_parts(folder, data.listing + b"x", data.digest, 1)
    (folder / "b.csv").unlink()
    with pytest.raises(InvalidInput, match=r"other parts than its listing: b\.csv"):
        check_parts(folder, data.listing, data.digest, 1)
    with pytest.raises(InvalidInput, match="a line that is not"):
        parse_listing(b"no listing\n")


def test_parts_of_data_that_are_gone_are_refused(folder: Path) -> None:
    data = digest_data(folder)
    folder.rename(folder.with_name("elsewhere"))

    with pytest.raises(InvalidInput, match="months cannot be read"):
        check_parts(folder, data.listing, data.digest, 1)


def test_an_interrupted_digest_is_resumed(folder: Path, tmp_path: Path) -> None:
    before = digest_data(folder)
    first = DigestJournal(tmp_path / "journals", folder)
    digest_data(folder, journal=first)
    (folder / "b.csv").write_text("month\nchanged since\n")

    second = DigestJournal(tmp_path / "journals", folder)
    resumed = digest_data(folder, journal=second)

    assert (first.reused, second.reused) == (0, 4)
    assert resumed.digest == digest_data(folder).digest != before.digest
    second.delete()
    assert list((tmp_path / "journals").iterdir()) == []


def test_a_journal_is_used_without_its_cut_off_last_line(folder: Path, tmp_path: Path) -> None:
    digest_data(folder, journal=DigestJournal(tmp_path, folder))
    (file,) = tmp_path.glob("*.journal")
    file.write_bytes(file.read_bytes()[:-9])

    journal = DigestJournal(tmp_path, folder)

    assert digest_data(folder, journal=journal).digest == digest_data(folder).digest
    assert journal.reused == 4


def test_a_file_that_grows_while_it_is_read_is_refused(folder: Path) -> None:
    path = folder / "a.csv"
    span = data_digest.Span("a.csv", path, 0, path.stat().st_size - 1, 0)

    with pytest.raises(InvalidInput, match="became longer"):
        data_digest._hash(span)
    assert Digest.of(path.read_bytes()) == digest_data(path).digest
