"""Logging in and out, users, tokens, the audit log."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from ...core.access import Permission, Role
from ..access import AUDIT_BEFORE, AUDIT_LIMIT, Login, NewToken, NewUser, OwnPassword, UserChanges
from .route import LOCATION, NOTHING, JsonBody, Key, Route, ok
from .shapes import Time


class Session(TypedDict):
    """Who asks, and what he may."""

    signed_in: bool
    kind: NotRequired[Literal["user", "token", "local"]]
    name: NotRequired[str]
    role: NotRequired[Role | None]
    permissions: NotRequired[list[Permission]]
    expires_at: NotRequired[Time | None]


class Begun(Session):
    """``token``: the session's own, where no cookie was wanted."""

    token: NotRequired[str]


# "pass" is a word of Python.
Pass = TypedDict("Pass", {"pass": str, "expires_at": Time})


class User(TypedDict):
    """A person with a password."""

    id: str
    name: str
    role: Role
    created_at: Time
    last_login_at: Time | None


class Users(TypedDict):
    """All of them."""

    users: list[User]


class Token(TypedDict):
    """What a token may and when it was used, not the token itself."""

    id: str
    name: str
    role: Role | None
    permissions: list[Permission]
    created_by: str
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None


class Tokens(TypedDict):
    """All of them."""

    tokens: list[Token]


class MadeToken(Token):
    """The only answer with the token itself in it."""

    token: str


class AuditEntry(TypedDict):
    """Who did what, from where."""

    at: Time
    actor: str
    address: str
    action: str
    target: str
    outcome: str


class AuditPage(TypedDict):
    """The newest first; ``next`` goes on."""

    entries: list[AuditEntry]
    next: int | None


PASSWORD = "a long one, please"
ROUTES: dict[Key, Route] = {
    ("GET", "/api/v1/session"): Route("Access", "Who asks, and what he may", ok(Session, "Also of one nobody knows.")),
    ("POST", "/api/v1/session"): Route(
        "Access",
        "Log in",
        ok(Begun, "Logged in.", 201, **{"Set-Cookie": "The cookie of the session, unless none was wanted."}),
        body=JsonBody(Login, {"name": "anna", "password": PASSWORD}),
        problems=("wrong-login", "invalid-request", "too-busy", "too-many-guesses"),
    ),
    ("DELETE", "/api/v1/session"): Route("Access", "Log out", NOTHING),
    ("POST", "/api/v1/session/pass"): Route(
        "Access",
        "A pass for what a browser asks for without headers",
        ok(Pass, "Made.", 201),
        more="In an address as `?pass=`, it lets images, videos, event streams and WebSockets be read for an hour.",
    ),
    ("POST", "/api/v1/session/password"): Route(
        "Access",
        "Another password for oneself",
        NOTHING,
        body=JsonBody(OwnPassword, {"current": PASSWORD, "new": "an even longer one"}),
        problems=("not-allowed", "wrong-password", "invalid-request", "too-busy", "unknown-user"),
        more="All other sessions of the user end.",
    ),
    ("GET", "/api/v1/users"): Route("Access", "All users", ok(Users)),
    ("POST", "/api/v1/users"): Route(
        "Access",
        "Add a user",
        ok(User, "Added.", 201, **LOCATION),
        body=JsonBody(NewUser, {"name": "anna", "password": PASSWORD, "role": "viewer"}),
        problems=("invalid-request", "user-exists", "too-many-users", "too-busy"),
    ),
    ("PATCH", "/api/v1/users/{id}"): Route(
        "Access",
        "Another role or password of a user",
        ok(User),
        body=JsonBody(UserChanges, {"role": "operator"}),
        problems=("invalid-request", "unknown-user", "last-admin", "too-busy"),
    ),
    ("DELETE", "/api/v1/users/{id}"): Route(
        "Access", "Remove a user", NOTHING, problems=("unknown-user", "last-admin")
    ),
    ("GET", "/api/v1/tokens"): Route("Access", "All tokens", ok(Tokens)),
    ("POST", "/api/v1/tokens"): Route(
        "Access",
        "Make a token",
        ok(MadeToken, "Made.", 201, **LOCATION),
        body=JsonBody(NewToken, {"name": "wall screen", "scopes": ["view"], "days": 365}),
        problems=("invalid-request", "too-many-tokens"),
    ),
    ("DELETE", "/api/v1/tokens/{id}"): Route("Access", "Revoke a token", NOTHING, problems=("unknown-token",)),
    ("GET", "/api/v1/audit"): Route("Access", "Who did what", ok(AuditPage), query=(AUDIT_LIMIT, AUDIT_BEFORE)),
}
