"""A TCP relay between client and registry that counts bytes and can stop at a given byte."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Thread


class Relay:
    """Forwards connections to `target`; `sent` and `received` are bytes as the client sees them."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._change = Condition()
        self._open: set[socket.socket] = set()
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.sent = self.received = 0
        self._most = 1 << 62
        self._threads: list[Thread] = []
        self._start(self._accept)

    def hold_after(self, size: int) -> None:
        """Let `size` more bytes pass, in both directions together, and then stop."""
        with self._change:
            self.sent = self.received = 0
            self._most = size

    def await_hold(self) -> None:
        """Wait until the limit is reached. Raises `TimeoutError` after a minute."""
        with self._change:
            if not self._change.wait_for(lambda: self.sent + self.received >= self._most, 60):
                raise TimeoutError("the client never sent that much")

    def release(self) -> None:
        """Close every connection; new ones pass without a limit and are counted from 0."""
        with self._change:
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._open.clear()
            self.sent = self.received = 0
            self._most = 1 << 62
            self._change.notify_all()

    def close(self) -> None:
        """Close the listener and every connection."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self.release()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, work: Callable[..., None], *arguments: socket.socket | bool) -> Thread:
        thread = Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._start(self._serve, self._listener.accept()[0])

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            with self._change:
                self._open |= {client, server}
            upward = self._start(self._pump, client, server, True)
            self._pump(server, client, False)
            upward.join()
            with self._change:
                self._open -= {client, server}

    def _pump(self, source: socket.socket, sink: socket.socket, upward: bool) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                if not self._pass(source, len(chunk), upward):
                    break
                sink.sendall(chunk)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _pass(self, source: socket.socket, size: int, upward: bool) -> bool:
        with self._change:
            self.sent += size if upward else 0
            self.received += 0 if upward else size
            if self.sent + self.received >= self._most:
                self._change.notify_all()
                self._change.wait_for(lambda: self._most == 1 << 62)
            return source in self._open


@contextmanager
def relay(target: str) -> Iterator[Relay]:
    """Run a relay to `target` inside the `with` block."""
    wire = Relay(target)
    try:
        yield wire
    finally:
        wire.close()
