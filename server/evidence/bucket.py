"""Evidence on S3, or what speaks like it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from ..config import EvidenceSettings
from ..core.evidence import MEDIA_TYPES, folder_of

if TYPE_CHECKING:
    from obstore.store import S3Config

CHUNK = 1 << 18
CONNECT_S, ANSWER_S = 5, 60
RETRY_S = 5
"""How long a call tries again by itself; the uploads begin anew after that for as long as it takes."""


class BucketAway(Exception):
    """The bucket cannot be used now; the message says why, without keys."""


class Bucket:
    """The objects ``PREFIX/YYYY/MM/DD/EVENTID/NAME``. Credentials come from the environment, the container's role or
    the machine's, as with Amazon's own tools."""

    def __init__(self, settings: EvidenceSettings) -> None:
        assert settings.url
        config: S3Config = {}
        if settings.region:
            config["region"] = settings.region
        if settings.endpoint:
            config["endpoint"] = settings.endpoint
        self._store = S3Store.from_url(
            settings.url.rstrip("/"),
            config=config,
            client_options={
                "allow_http": bool(settings.endpoint and settings.endpoint.startswith("http:")),
                "connect_timeout": timedelta(seconds=CONNECT_S),
                "timeout": timedelta(seconds=ANSWER_S),
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=RETRY_S)},
        )

    async def put(self, event_id: str, name: str, source: Path) -> None:
        """Keep a file. Raises :class:`BucketAway`, and OSError when the file cannot be read."""
        attributes = {"Content-Type": MEDIA_TYPES[name]}
        with _away(), source.open("rb") as file:
            try:
                await obstore.put_async(self._store, _key(event_id, name), file, attributes=attributes)
            except FileNotFoundError as error:  # there is no such bucket
                raise BucketAway(_words(error)) from error

    async def read(self, event_id: str, name: str, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes of a file from ``start`` up to ``stop``. Raises FileNotFoundError, :class:`BucketAway`."""
        with _away():
            result = await obstore.get_async(self._store, _key(event_id, name), options={"range": (start, stop)})
            async for chunk in result.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

    async def remove(self, event_id: str) -> None:
        """Remove all files of an event, those that are there. Raises :class:`BucketAway`."""
        with _away():
            try:
                await obstore.delete_async(self._store, [_key(event_id, name) for name in MEDIA_TYPES])
            except FileNotFoundError:
                return


def _key(event_id: str, name: str) -> str:
    return f"{folder_of(event_id)}/{name}"


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except BaseError as error:
        raise BucketAway(_words(error)) from error


def _words(error: Exception) -> str:
    """What went wrong, without the request and how often it was tried."""
    text = str(error)
    if code := re.search(r"<Code>(\w+)</Code>", text):
        return f"the bucket answers {code[1]}"
    return " ".join(text.split("\n")[0].rpartition(" - ")[2].split())[:200]
