"""Video files, played at their own speed, once or in a loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from ..playing import Playback, opened
from ..plugins import SourceLost, SourceRequest


@contextmanager
def open_source(request: SourceRequest) -> Iterator[Playback]:
    """Open a path or a ``file:`` URL; see :class:`server.plugins.Source`."""
    path = Path(request.url)
    if request.url.startswith("file:"):
        path = Path(unquote(request.url.removeprefix("file:").removeprefix("//")))
    try:
        found = path.is_file()
    except (OSError, ValueError):  # a name too long, or a folder that may not be entered
        found = False
    if not found:
        raise SourceLost("there is no such file")
    # "file:" before the path, or a colon in a name would make FFmpeg take what stands before it for a protocol.
    with opened(request, f"file:{path}", options={"protocol_whitelist": "file,crypto,data"}) as container:
        yield Playback(container, request.stop, paced=True, loop=request.loop, endless=False, tap=request.tap)
