"""Webhooks: who is told, what each was sent."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from ..webhooks import CURSOR, LIMIT, STATES, WebhookFields
from .route import LOCATION, NOTHING, JsonBody, Key, Route, ok
from .shapes import Time


class Failure(TypedDict):
    """How the last try that failed did."""

    at: Time | None
    status: int | None
    error: str | None


class Webhook(TypedDict):
    """Who is told of what, and how it goes."""

    id: str
    channel: str
    url: str
    description: str
    kinds: list[str]
    cameras: list[str]
    states: list[str]
    enabled: bool
    reason: str | None
    created_at: Time
    secrets: int
    circuit: Literal["closed", "open", "half-open"]
    waiting: int
    dead: int
    last_success_at: Time | None
    last_failure: Failure | None


class WebhookWithSecret(Webhook):
    """With its secret, told this once."""

    secret: str


class Webhooks(TypedDict):
    """All of them, those of the settings too."""

    webhooks: list[Webhook]


class Delivery(TypedDict):
    """One message to one receiver."""

    id: str
    webhook: str
    event: str | None
    type: str
    state: Literal["waiting", "delivered", "dead"]
    attempts: int
    created_at: Time
    next_try_at: Time | None
    delivered_at: Time | None
    last_status: int | None
    last_error: str | None


class Deliveries(TypedDict):
    """A page of them, the newest first."""

    deliveries: list[Delivery]
    next: str | None


class Try(TypedDict):
    """How a try ended."""

    at: Time
    took_ms: float
    status: int | None
    outcome: str
    error: str | None
    response: str | None


class WholeDelivery(Delivery):
    """With what was sent and each try."""

    body: Any
    log: list[Try]


class Begun(TypedDict):
    """It goes out."""

    delivery: Delivery


class Replayed(TypedDict):
    """How many go out again."""

    replayed: int


ONE = "/api/v1/webhooks/{id}"
DELIVERY = f"{ONE}/deliveries/{{delivery}}"
KNOWN = ("unknown-webhook",)
CHANGED = ("unknown-webhook", "declared-webhook")
ROUTES: dict[Key, Route] = {
    ("GET", "/api/v1/webhooks"): Route("Webhooks", "All webhooks", ok(Webhooks)),
    ("POST", "/api/v1/webhooks"): Route(
        "Webhooks",
        "Add a webhook",
        ok(WebhookWithSecret, "Added, with its secret.", 201, **LOCATION),
        body=JsonBody(WebhookFields, {"url": "http://127.0.0.1:8080/vigie", "kinds": ["gun"], "enabled": False}),
        problems=("invalid-webhook", "webhook-url-not-allowed", "too-many-webhooks"),
    ),
    ("GET", ONE): Route("Webhooks", "One webhook", ok(Webhook), problems=KNOWN),
    ("PATCH", ONE): Route(
        "Webhooks",
        "Change a webhook",
        ok(Webhook),
        body=JsonBody(WebhookFields, {"states": ["confirmed", "retracted"]}, changes=True, name="WebhookChanges"),
        problems=(*CHANGED, "invalid-webhook", "webhook-url-not-allowed"),
    ),
    ("DELETE", ONE): Route("Webhooks", "Remove a webhook", NOTHING, problems=CHANGED),
    ("POST", f"{ONE}/secret"): Route(
        "Webhooks",
        "A new secret",
        ok(WebhookWithSecret, "The one before signs too."),
        problems=CHANGED,
    ),
    ("DELETE", f"{ONE}/secret/previous"): Route(
        "Webhooks", "Only the newest secret signs", ok(Webhook), problems=CHANGED
    ),
    ("POST", f"{ONE}/test"): Route("Webhooks", "Send a test", ok(Begun, "It goes out.", 202), problems=KNOWN),
    ("POST", f"{ONE}/replay"): Route(
        "Webhooks", "Send all again that were given up", ok(Replayed, "They go out.", 202), problems=KNOWN
    ),
    ("GET", f"{ONE}/deliveries"): Route(
        "Webhooks", "What it was sent", ok(Deliveries), query=(LIMIT, STATES, CURSOR), problems=KNOWN
    ),
    ("GET", DELIVERY): Route(
        "Webhooks", "One delivery", ok(WholeDelivery), problems=("unknown-webhook", "unknown-delivery")
    ),
    ("POST", f"{DELIVERY}/replay"): Route(
        "Webhooks",
        "Send one again",
        ok(Begun, "It goes out.", 202),
        problems=("unknown-webhook", "unknown-delivery"),
    ),
}
