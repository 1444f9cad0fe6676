"""A camera over HTTP that can be pulled and plugged in again."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

RATE = 20


class MjpegCamera:
    """Sends one picture again and again as MJPEG, on a port of this machine."""

    def __init__(self, jpeg: bytes) -> None:
        self._there, self._ended = threading.Event(), threading.Event()
        self._there.set()
        there, ended = self._there, self._ended

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if not there.is_set():
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cut")
                self.end_headers()
                part = b"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                try:
                    while there.is_set() and not ended.wait(1 / RATE):
                        self.wfile.write(part + jpeg + b"\r\n")
                except OSError:
                    pass  # the viewer left

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}/video"

    def pull(self) -> None:
        """Break off, and answer nobody."""
        self._there.clear()

    def plug(self) -> None:
        """Be there again."""
        self._there.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
