"""Sockets of killed servers go; those of running servers stay."""

import socket
from pathlib import Path

from goldenpath.deploy.machine.stale_sockets import remove_stale


def test_only_a_socket_on_which_nobody_listens_is_removed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(tmp_path / "gone.sock"))
    with socket.socket(socket.AF_UNIX) as running:
        running.bind(str(tmp_path / "running.sock"))
        running.listen()

        remove_stale(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["running.sock"]


def test_without_a_folder_there_is_nothing_to_do(tmp_path: Path) -> None:
    remove_stale(tmp_path / "absent")
