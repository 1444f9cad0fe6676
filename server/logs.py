"""The log: lines for people, or JSON for programs, with what each line is about, and without secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})
_subject: ContextVar[Mapping[str, str]] = ContextVar("subject", default=NOTHING)

USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/]*@")
"""User and password of a URL, wherever in a text."""

SECRET = re.compile(r"([?&](?:access_token|token|key|password|passwd|pwd|secret|signature|sig)=)[^&\s\"']+", re.I)
BEARER = re.compile(r"(\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.I)


@contextmanager
def about(**ids: str) -> Iterator[None]:
    """Every line that is logged in this block, and in tasks that begin in it, tells these ids."""
    token = _subject.set({**_subject.get(), **ids})
    try:
        yield
    finally:
        _subject.reset(token)


def clean(text: str) -> str:
    """A text without what would be a secret in it."""
    return SECRET.sub(r"\1...", BEARER.sub(r"\1...", USER.sub(r"\1", text)))


class TextFormatter(logging.Formatter):
    """One line for people; a traceback follows."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """See :class:`logging.Formatter`."""
        ids = "".join(f" {name}={value}" for name, value in _subject.get().items() if value not in record.getMessage())
        first, *rest = super().format(record).split("\n")
        return clean("\n".join((first + (f" [{ids[1:]}]" if ids else ""), *rest)))


class JsonFormatter(logging.Formatter):
    """One object a line: ``time`` (RFC 3339, UTC), ``level``, ``logger``, ``message``, the ids, ``error``."""

    def format(self, record: logging.LogRecord) -> str:
        """See :class:`logging.Formatter`."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        body = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": clean(record.getMessage()),
            **_subject.get(),
        }
        if record.exc_info:
            body["error"] = clean(self.formatException(record.exc_info))
        return json.dumps(body, ensure_ascii=False)


def set_up(form: str, level: str) -> None:
    """Log to standard error in this form (``text`` or ``json``)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("aioice", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
