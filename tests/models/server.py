"""A real web server on this machine that misbehaves as servers on the web do."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """Serves `data` at every address; the first part of the path says how badly."""

    def __init__(self) -> None:
        self.data = b""
        self.let_go = threading.Event()
        """Set to let a slow answer go on."""
        self.asked: list[str] = []
        handler = type("Handler", (_Handler,), {"place": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.01,), name="web server"
        )
        self._thread.start()

    def url(self, manner: str, name: str = "file.pth") -> str:
        return f"http://127.0.0.1:{self._http.server_port}/{manner}/{name}"

    def close(self) -> None:
        self.let_go.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    place: Server

    def do_GET(self) -> None:
        manner = self.path.split("/")[1]
        self.place.asked.append(self.path)
        try:
            getattr(self, f"_{manner}")(self.place.data)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _head(self, length: int | None, status: int = 200) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _good(self, data: bytes) -> None:
        self._head(len(data))
        self.wfile.write(data)

    def _moved(self, data: bytes) -> None:
        self.send_response(302)
        self.send_header("Location", "/good/file.pth")
        self.end_headers()

    def _unsaid(self, data: bytes) -> None:
        """No length is announced."""
        self._head(None)
        self.wfile.write(data)

    def _slow(self, data: bytes) -> None:
        """Half of it, and the rest when it is let go."""
        self._head(len(data))
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        self.place.let_go.wait(20)
        self.wfile.write(data[len(data) // 2 :])

    def _dripping(self, data: bytes) -> None:
        """A little every few milliseconds, without end until it is let go."""
        self._head(len(data))
        for at in range(0, len(data), 1000):
            self.wfile.write(data[at : at + 1000])
            if not self.place.let_go.is_set():
                self.place.let_go.wait(0.02)

    def _broken(self, data: bytes) -> None:
        """The line breaks after half of it."""
        self._head(len(data))
        self.wfile.write(data[: len(data) // 2])

    def _cut(self, data: bytes) -> None:
        """Half of it, announced as if it were all."""
        self._head(len(data) // 2)
        self.wfile.write(data[: len(data) // 2])

    def _wrong(self, data: bytes) -> None:
        """As many bytes, of which one is another."""
        self._head(len(data))
        self.wfile.write(data[:-1] + bytes([data[-1] ^ 1]))

    def _page(self, data: bytes) -> None:
        """A page in place of the file, as captive portals send."""
        page = b"<html>Please log in</html>"
        self._head(len(page))
        self.wfile.write(page)

    def _endless(self, data: bytes) -> None:
        self._head(None)
        for _ in range(10_000):
            self.wfile.write(bytes(4096))

    def _missing(self, data: bytes) -> None:
        self._head(0, 404)

    def _ill(self, data: bytes) -> None:
        self._head(0, 500)
