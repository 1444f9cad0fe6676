"""The log: ids, JSON, no secrets."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from server.logs import JsonFormatter, TextFormatter, about


def record(text: str, *values: object, error: BaseException | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("server.feed", logging.WARNING, __file__, 1, text, values, exc_info)


def test_a_line_of_json() -> None:
    with about(request="r1"), about(camera="gate", event="e1"):
        body = json.loads(JsonFormatter().format(record("seen %d\nagain", 3)))
    assert body.pop("time").endswith("Z")
    assert body == {
        **{"level": "WARNING", "logger": "server.feed", "message": "seen 3\nagain"},
        **{"request": "r1", "camera": "gate", "event": "e1"},
    }


def test_a_line_of_text_tells_ids_it_does_not_have_yet() -> None:
    with about(camera="gate", request="r1"):
        line = TextFormatter().format(record("camera gate is away"))
    assert line.endswith("WARNING server.feed: camera gate is away [request=r1]")
    assert "[" not in TextFormatter().format(record("nothing"))


async def test_tasks_that_begin_in_a_block_keep_its_ids() -> None:
    async def later() -> str:
        await asyncio.sleep(0)
        return str(json.loads(JsonFormatter().format(record("x")))["request"])

    with about(request="r1"):
        one = asyncio.create_task(later())
    with about(request="r2"):
        two = asyncio.create_task(later())
    assert (await one, await two) == ("r1", "r2")


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://bob:hunter2@10.0.0.7/1",
        "rtsp://bob:hun@hunter2@10.0.0.7/1",
        "GET /x?a=1&token=hunter2&b=2",
        "https://x/y?SIG=hunter2",
        "Authorization: Bearer hunter2hunter2",
    ],
)
def test_no_secret_in_any_form(text: str) -> None:
    error = ValueError(text)
    for formatter in (TextFormatter(), JsonFormatter()):
        line = formatter.format(record("it says %s", text, error=error))
        assert "hunter2" not in line
        assert "it says" in line
