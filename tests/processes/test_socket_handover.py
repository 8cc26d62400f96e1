"""A listening socket goes from one process to the next, to nobody else, and only if asked for."""

import asyncio
import os
import socket
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import pytest
import uvloop

from goldenpath.errors import Unavailable, VerificationError
from goldenpath.processes.socket_handover import ASK, MOST_WAITING, SocketHandover, receive

P = ParamSpec("P")


def in_loop(test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    """A test in the event loop of the servers."""

    @wraps(test)
    def run(*arguments: P.args, **named: P.kwargs) -> None:
        uvloop.run(test(*arguments, **named))

    return run


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter, so that only the socket itself keeps them out."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def address_of(listening: socket.socket) -> str:
    return f"127.0.0.1:{listening.getsockname()[1]}"


@in_loop
async def test_both_accept_from_one_queue_and_the_queue_outlives_the_holder(
    folder: Path, listening: socket.socket
) -> None:
    path, loop = folder / "handover.sock", asyncio.get_running_loop()
    handover = SocketHandover(path, loop)
    handover.offer(address_of(listening), listening.fileno())

    address, received = await asyncio.to_thread(receive, path)

    with received, socket.create_connection(listening.getsockname()) as client:
        assert (address, handover.was_asked) == (address_of(listening), True)
        assert received.fileno() != listening.fileno() and not received.get_inheritable()
        listening.close()
        accepted, _ = await asyncio.to_thread(received.accept)
        with accepted:
            client.sendall(b"hello")
            assert accepted.recv(5) == b"hello"
    handover.close()
    assert not path.exists()


@in_loop
async def test_who_only_looks_gets_nothing_and_many_who_look_stop_nobody(
    folder: Path, listening: socket.socket
) -> None:
    path = folder / "handover.sock"
    handover = SocketHandover(path, asyncio.get_running_loop())
    handover.offer(address_of(listening), listening.fileno())
    looking = []
    for _ in range(MOST_WAITING + 3):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(path))
        looking.append(client)
        await asyncio.sleep(0.01)
    looking[-1].sendall(b"something else")
    await asyncio.sleep(0.05)

    assert not handover.was_asked
    _, received = await asyncio.to_thread(receive, path)
    received.close()
    for client in looking:
        client.close()
    handover.close()


@in_loop
async def test_nothing_is_handed_over_before_there_is_a_listener(folder: Path) -> None:
    handover = SocketHandover(folder / "handover.sock", asyncio.get_running_loop())

    with pytest.raises(Unavailable, match="hands nothing over"):
        await asyncio.to_thread(receive, folder / "handover.sock")

    assert not handover.was_asked
    handover.close()
    with pytest.raises(Unavailable, match="hands nothing over"):
        receive(folder / "handover.sock")


@in_loop
async def test_what_does_not_listen_is_no_listener(folder: Path) -> None:
    handover = SocketHandover(folder / "handover.sock", asyncio.get_running_loop())
    with socket.socket(socket.AF_INET) as idle, (folder / "file").open("w") as file:
        for descriptor in (idle.fileno(), file.fileno()):
            handover.offer("127.0.0.1:1", descriptor)
            with pytest.raises(VerificationError, match="no socket that listens"):
                await asyncio.to_thread(receive, folder / "handover.sock")
    handover.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@in_loop
async def test_another_user_gets_nothing_even_if_the_file_is_open_to_all(
    folder: Path, listening: socket.socket
) -> None:
    path = folder / "handover.sock"
    handover = SocketHandover(path, asyncio.get_running_loop())
    handover.offer(address_of(listening), listening.fileno())
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o666)

    def ask_as_nobody() -> int:
        child = os.fork()
        if not child:
            os.setuid(65534)
            try:
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(path))
                    client.sendall(ASK)
                    content, descriptors, _, _ = socket.recv_fds(client, 100, 1)
                os._exit(1 if content or descriptors else 3)
            except ConnectionError:
                os._exit(3)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert await asyncio.to_thread(ask_as_nobody) == 3
    assert not handover.was_asked
    handover.close()
