"""The routes of webhooks: who is told, what each was sent, and sending it again."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..alerts.webhook import MOST_URL, forbidden, url_mistake
from ..config import WebhookSettings
from ..core.identifiers import uuid7
from ..core.signature import secret_of
from ..outbox.dispatch import Outbox
from ..store.deliveries import ALL_STATES, Count, Deliveries, LoggedAttempt, delivery_body
from ..store.subscriptions import Subscription, SubscriptionRefused, Subscriptions, changeable
from ..urls import redacted
from ..wire import iso
from .bodies import Json, read_json
from .problems import Problem
from .queries import Texts, Whole, limit

LIMIT = limit(50, 200)
STATES = Texts("state", "Only deliveries that stand so.", ALL_STATES)
CURSOR = Whole("cursor", "What the page before gave as `next`; 0: from the newest.", 0, 0, 10**18 - 1)
SECRET_BYTES = 24
LOOK_UP_S = 3.0
STATUS = {"unknown-webhook": 404, "too-many-webhooks": 409, "declared-webhook": 409}
HIDDEN = "?..."
WORDS = {"missing": "This is needed.", "extra_forbidden": "There is no such field."}
PATTERNS = {
    "kinds": "A kind has 1 to 40 signs, none of them a control character.",
    "cameras": "A camera's name has letters, digits, dot, dash and underscore, 63 at the most.",
    "description": "A description has no control characters.",
}

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
Kind = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$")]
State = Literal["suspected", "confirmed", "ended", "retracted", "judged"]


class WebhookFields(BaseModel):
    """What can be said of a webhook."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: str = Field(min_length=1, max_length=MOST_URL)
    kinds: list[Kind] = Field([], max_length=64)
    cameras: list[Name] = Field([], max_length=1000)
    states: list[State] = Field(["confirmed", "ended", "retracted"], min_length=1, max_length=5)
    description: str = Field("", max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
    enabled: bool = True

    @field_validator("url")
    @classmethod
    def _can_be_posted_to(cls, url: str) -> str:
        if mistake := url_mistake(url):
            raise ValueError(mistake)
        return url

    @field_validator("kinds", "cameras", "states")
    @classmethod
    def _once(cls, values: list[str]) -> list[str]:
        return list(dict.fromkeys(values))


class WebhookRoutes:
    """The handlers, over what is kept and the outbox that sends it."""

    def __init__(
        self, subscriptions: Subscriptions, deliveries: Deliveries, outbox: Outbox, settings: WebhookSettings
    ) -> None:
        self._subscriptions = subscriptions
        self._deliveries = deliveries
        self._outbox = outbox
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        one = "/api/v1/webhooks/{id}"
        return [
            web.get("/api/v1/webhooks", self.list),
            web.post("/api/v1/webhooks", self.add),
            web.get(one, self.show),
            web.patch(one, self.change),
            web.delete(one, self.remove),
            web.post(f"{one}/secret", self.rotate),
            web.delete(f"{one}/secret/previous", self.drop_previous),
            web.post(f"{one}/test", self.test),
            web.post(f"{one}/replay", self.replay_dead),
            web.get(f"{one}/deliveries", self.deliveries),
            web.get(f"{one}/deliveries/{{delivery}}", self.delivery),
            web.post(f"{one}/deliveries/{{delivery}}/replay", self.replay),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """``GET /api/v1/webhooks``: those of the settings too."""
        with _refusals():
            counts = await self._deliveries.counts()
            known = await self._subscriptions.all()
        return web.json_response({"webhooks": [self._body(one, counts.get(one.id, Count())) for one in known]})

    async def show(self, request: web.Request) -> web.Response:
        """``GET /api/v1/webhooks/{id}``."""
        with _refusals():
            return await self._answer(await self._subscriptions.get(_id(request)))

    async def add(self, request: web.Request) -> web.Response:
        """``POST /api/v1/webhooks``: 201 with its secret, which is never told again."""
        fields = _fields(await read_json(request, "A webhook"))
        await self._check(fields.url)
        now = time.time()
        with _refusals():
            subscription = await self._subscriptions.add(
                Subscription(
                    id=uuid7(now, os.urandom(10)),
                    channel="webhook",
                    url=fields.url,
                    created_at=now,
                    description=fields.description,
                    kinds=tuple(fields.kinds),
                    cameras=tuple(fields.cameras),
                    states=tuple(fields.states),
                    secrets=(_secret(),),
                    enabled=fields.enabled,
                )
            )
        body = {**self._body(subscription, Count()), "secret": subscription.secrets[0]}
        return web.json_response(body, status=201, headers={"Location": f"/api/v1/webhooks/{subscription.id}"})

    async def change(self, request: web.Request) -> web.Response:
        """``PATCH /api/v1/webhooks/{id}``: only what the body names."""
        with _refusals():
            now = changeable(await self._subscriptions.get(_id(request)))
        body = await read_json(request, "A webhook")
        if body.get("url") == redacted(now.url):
            del body["url"]
        elif isinstance(body.get("url"), str) and body["url"].endswith(HIDDEN):
            raise _wrong("url", f"Give the whole URL with its query, which {HIDDEN} only stands for.")
        fields = _fields({"url": now.url, **body})
        if "url" in body:
            await self._check(fields.url)
        with _refusals():
            changed = await self._subscriptions.change(now.id, {name: getattr(fields, name) for name in body})
        if changed.enabled and ("enabled" in body or changed.url != now.url):
            self._outbox.renew(changed.id)
        return await self._answer(changed)

    async def remove(self, request: web.Request) -> web.Response:
        """``DELETE /api/v1/webhooks/{id}``: and all that it was or should have been sent."""
        with _refusals():
            await self._subscriptions.remove(_id(request))
        return web.Response(status=204)

    async def rotate(self, request: web.Request) -> web.Response:
        """``POST /api/v1/webhooks/{id}/secret``: a new secret, told this once; the one before signs too."""
        with _refusals():
            changed = await self._subscriptions.rotate(_id(request), _secret())
            return await self._answer(changed, {"secret": changed.secrets[0]})

    async def drop_previous(self, request: web.Request) -> web.Response:
        """``DELETE /api/v1/webhooks/{id}/secret/previous``: only the newest signs."""
        with _refusals():
            return await self._answer(await self._subscriptions.drop_previous(_id(request)))

    async def test(self, request: web.Request) -> web.Response:
        """``POST /api/v1/webhooks/{id}/test``: goes out even where the webhook is switched off."""
        with _refusals():
            subscription = await self._subscriptions.get(_id(request))
            delivery = await self._outbox.test(subscription.id)
        return web.json_response({"delivery": delivery_body(delivery)}, status=202)

    async def deliveries(self, request: web.Request) -> web.Response:
        """``GET /api/v1/webhooks/{id}/deliveries``: the newest first, a page at a time."""
        states, most, before = STATES.of(request), LIMIT.of(request), CURSOR.of(request) or None
        with _refusals():
            known = await self._subscriptions.get(_id(request))
            page, following = await self._deliveries.select(known.id, states or ALL_STATES, most, before)
        return web.json_response(
            {"deliveries": [delivery_body(one) for one in page], "next": str(following) if following else None}
        )

    async def delivery(self, request: web.Request) -> web.Response:
        """``GET /api/v1/webhooks/{id}/deliveries/{delivery}``: with what was sent and how each try ended."""
        with _refusals():
            found = await self._deliveries.get(_id(request), _delivery_id(request))
        if not found:
            raise _unknown_delivery(request)
        delivery, body, log = found
        return web.json_response({**delivery_body(delivery), "body": body, "log": [_attempt_body(one) for one in log]})

    async def replay(self, request: web.Request) -> web.Response:
        """``POST /api/v1/webhooks/{id}/deliveries/{delivery}/replay``: send it again, at once, with its id."""
        with _refusals():
            delivery = await self._deliveries.replay(_id(request), _delivery_id(request))
        if not delivery:
            raise _unknown_delivery(request)
        self._outbox.renew(delivery.subscription_id)
        return web.json_response({"delivery": delivery_body(delivery)}, status=202)

    async def replay_dead(self, request: web.Request) -> web.Response:
        """``POST /api/v1/webhooks/{id}/replay``: send all again that were given up."""
        with _refusals():
            known = await self._subscriptions.get(_id(request))
            count = await self._deliveries.replay_dead(known.id)
        self._outbox.renew(known.id)
        return web.json_response({"replayed": count}, status=202)

    async def _check(self, url: str) -> None:
        try:
            async with asyncio.timeout(LOOK_UP_S):
                mistake = await forbidden(url, self._settings.allow_private)
        except TimeoutError:  # it is checked again whenever something is sent
            return
        if mistake:
            raise Problem("webhook-url-not-allowed", 403, f"{mistake[0].upper()}{mistake[1:]}.")

    async def _answer(self, subscription: Subscription, more: Json | None = None) -> web.Response:
        with _refusals():
            counts = await self._deliveries.counts()
        return web.json_response({**self._body(subscription, counts.get(subscription.id, Count())), **(more or {})})

    def _body(self, one: Subscription, count: Count) -> Json:
        failure = {"at": iso(one.last_failure_at), "status": one.last_failure_status, "error": one.last_failure_error}
        return {
            "id": one.id,
            "channel": one.channel,
            "url": redacted(one.url),
            "description": one.description,
            "kinds": one.kinds,
            "cameras": one.cameras,
            "states": one.states,
            "enabled": one.enabled,
            "reason": one.reason,
            "created_at": iso(one.created_at),
            "secrets": len(one.secrets),
            "circuit": self._outbox.circuit(one.id),
            "waiting": count.waiting,
            "dead": count.dead,
            "last_success_at": iso(one.last_success_at),
            "last_failure": failure if one.last_failure_at is not None else None,
        }


@contextmanager
def _refusals() -> Iterator[None]:
    """Turns what the store refuses into a problem document."""
    try:
        yield
    except SubscriptionRefused as error:
        raise Problem(error.slug, STATUS[error.slug], str(error)) from error


def _id(request: web.Request) -> str:
    """The id in the path; raises :class:`Problem` for one that no webhook can have."""
    value = request.match_info["id"]
    if not re.fullmatch(r"[A-Za-z0-9-]{1,36}", value):
        raise Problem("unknown-webhook", 404, f"There is no webhook {value[:80]!r}.")
    return value


def _delivery_id(request: web.Request) -> str:
    value = request.match_info["delivery"]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", value):
        raise _unknown_delivery(request)
    return value


def _unknown_delivery(request: web.Request) -> Problem:
    named = request.match_info["delivery"][:80]
    return Problem("unknown-delivery", 404, f"There is no delivery {named!r} here; it may have been removed by age.")


def _secret() -> str:
    return secret_of(os.urandom(SECRET_BYTES))


def _fields(body: Json) -> WebhookFields:
    """A webhook as asked for; raises :class:`Problem` that names each field that is wrong."""
    try:
        return WebhookFields(**body)
    except ValidationError as error:
        errors = [
            {"field": ".".join(str(part) for part in e["loc"]) or "webhook", "detail": _words(e)}
            for e in error.errors(include_input=False, include_url=False)
        ]
        named = "; ".join(f"{e['field'][:80]}: {e['detail'].rstrip('.')}" for e in errors[:5])
        raise Problem("invalid-webhook", 422, f"These fields are wrong: {named}.", errors=errors[:20]) from error
    except TypeError as error:
        raise Problem("malformed-request", 400, "The names of fields must be texts.") from error


def _words(error: Any) -> str:
    """What is wrong with a field, as a sentence, without the value: a URL may hold a secret."""
    if error["type"] in WORDS:
        return WORDS[error["type"]]
    if error["type"] == "string_pattern_mismatch":
        return PATTERNS.get(error["loc"][0], "There are signs in it that cannot be.")
    text = str(error["msg"]).removeprefix("Value error, ")
    return text[0].upper() + text[1:] + "."


def _wrong(field: str, detail: str) -> Problem:
    return Problem("invalid-webhook", 422, detail, errors=[{"field": field, "detail": detail}])


def _attempt_body(attempt: LoggedAttempt) -> Json:
    return {
        "at": iso(attempt.at),
        "took_ms": round(attempt.took_ms, 1),
        "status": attempt.status,
        "outcome": attempt.outcome,
        "error": attempt.error,
        "response": attempt.response,
    }
