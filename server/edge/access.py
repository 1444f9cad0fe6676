"""The routes of access: logging in and out, users, tokens, the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from ..access import Access, ChecksBusy, MustWait, WrongLogin
from ..core.access import LEAST_PASSWORD, MOST_PASSWORD, NAME, PERMISSIONS, Permission, Principal, Role
from ..store.access import AccessRefused, Session, Token, User
from ..store.audit import Entry
from ..wire import iso
from .bodies import Json, read_json
from .guard import COOKIE, REFUSED, SECURE_COOKIE, TARGET, Guard, principal_of, too_many_guesses
from .problems import Problem
from .queries import Whole, limit

STATUS = {"unknown-user": 404, "unknown-token": 404}
CONFLICT = 409
AUDIT_LIMIT = limit(50, 500)
AUDIT_BEFORE = Whole("before", "What the page before gave as `next`; 0: from the newest.", 0, 0, 2**53)

Shape = TypeVar("Shape", bound=BaseModel)


TOO_BUSY = Problem("too-busy", 503, "Other logins are being checked. Try again at once.", headers={"Retry-After": "1"})


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Login(_Body):
    """Name and password, or a token."""

    name: str | None = Field(None, max_length=200)
    password: SecretStr | None = Field(None, max_length=MOST_PASSWORD)
    token: SecretStr | None = Field(None, max_length=200)
    cookie: bool = True

    @model_validator(mode="after")
    def _one_way(self) -> Login:
        if self.model_fields_set - {"cookie"} not in ({"token"}, {"name", "password"}):
            raise ValueError("send name and password, or a token")
        return self


class _Named(_Body):
    name: str

    @field_validator("name", check_fields=False)
    @classmethod
    def _plain(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("a name has up to 63 letters, digits, spaces, dots, dashes, underscores and @")
        return name


class NewUser(_Named):
    """A user to be."""

    password: SecretStr = Field(min_length=LEAST_PASSWORD, max_length=MOST_PASSWORD)
    role: Role


class UserChanges(_Body):
    """What changes of a user; all sessions of theirs end."""

    password: SecretStr | None = Field(None, min_length=LEAST_PASSWORD, max_length=MOST_PASSWORD)
    role: Role | None = None


class OwnPassword(_Body):
    """Another password for oneself."""

    current: SecretStr = Field(max_length=MOST_PASSWORD)
    new: SecretStr = Field(min_length=LEAST_PASSWORD, max_length=MOST_PASSWORD)


class NewToken(_Named):
    """A token to be: a role, or scopes."""

    role: Role | None = None
    scopes: tuple[Permission, ...] = Field((), max_length=len(Permission))
    days: float | None = Field(None, gt=0, le=3650, allow_inf_nan=False)

    @model_validator(mode="after")
    def _something(self) -> NewToken:
        if bool(self.role) == bool(self.scopes):
            raise ValueError("give a role or scopes")
        return self


class AccessRoutes:
    """The handlers, over what they serve."""

    def __init__(self, access: Access, guard: Guard) -> None:
        self._access = access
        self._guard = guard

    def routes(self) -> list[web.RouteDef]:
        """All routes."""
        return [
            web.get("/api/v1/session", self.who),
            web.post("/api/v1/session", self.log_in),
            web.delete("/api/v1/session", self.log_out),
            web.post("/api/v1/session/pass", self.make_pass),
            web.post("/api/v1/session/password", self.own_password),
            web.get("/api/v1/users", self.users),
            web.post("/api/v1/users", self.add_user),
            web.patch("/api/v1/users/{id}", self.change_user),
            web.delete("/api/v1/users/{id}", self.remove_user),
            web.get("/api/v1/tokens", self.tokens),
            web.post("/api/v1/tokens", self.add_token),
            web.delete("/api/v1/tokens/{id}", self.revoke_token),
            web.get("/api/v1/audit", self.audit),
        ]

    async def who(self, request: web.Request) -> web.Response:
        """``GET /api/v1/session``: who asks, and what he may."""
        return web.json_response(_who_body(principal_of(request)))

    async def log_in(self, request: web.Request) -> web.Response:
        """``POST /api/v1/session``: with name and password, or a token; answers a cookie, or with
        ``"cookie": false`` the session's own token, for a page of another origin to send with each request."""
        body = _read(Login, await read_json(request, "A login"))
        who = "token" if body.token else body.name or ""
        if not body.token:  # a right token gets in from everywhere; a password takes long to check
            self._guard.patience(request)
        try:
            secret, session = await self._begin(request, body)
        except WrongLogin as error:
            self._guard.note(request, "nobody", "session.begin", who, REFUSED)
            detail = "This token is unknown, revoked or expired." if body.token else "Name or password is wrong."
            raise Problem("wrong-login", 401, detail) from error
        except MustWait as error:
            raise too_many_guesses(error.seconds) from error
        except ChecksBusy as error:
            raise TOO_BUSY from error
        principal = await self._access.principal(secret)
        self._guard.note(request, principal.actor if principal else "nobody", "session.begin")
        if not body.cookie:
            return web.json_response({**_who_body(principal), "token": secret}, status=201)
        answer = web.json_response(_who_body(principal), status=201)
        self._give(request, answer, secret, session)
        return answer

    async def make_pass(self, request: web.Request) -> web.Response:
        """``POST /api/v1/session/pass``: for what a browser asks for without headers: images, videos, event streams,
        WebSockets. It reads as who asks here, for an hour at the most, and ends with his session."""
        text, expires = self._guard.pass_for(_asker(request))
        return web.json_response({"pass": text, "expires_at": iso(expires)}, status=201)

    async def log_out(self, request: web.Request) -> web.Response:
        """``DELETE /api/v1/session``: it ends, here and wherever it is used."""
        principal = _asker(request)
        if principal.credential and principal.credential != principal.subject:  # a session, not a token of its own
            await self._access.log_out(principal.credential)
        answer = web.Response(status=204)
        for name in (COOKIE, SECURE_COOKIE):
            answer.del_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="Strict")
        return answer

    async def own_password(self, request: web.Request) -> web.Response:
        """``POST /api/v1/session/password``: another one for oneself; all other sessions of the user end."""
        principal = _asker(request)
        if principal.kind != "user" or principal.subject is None:
            raise Problem("not-allowed", 403, "Only who has logged in by name has a password to change.")
        body = _read(OwnPassword, await read_json(request, "A password"))
        self._guard.patience(request)
        try:
            right = await self._access.knows_password(principal.subject, body.current.get_secret_value())
        except ChecksBusy as error:
            raise TOO_BUSY from error
        if not right:
            self._guard.wrong(request)
            raise Problem("wrong-password", 403, "The current password is wrong.")
        with _refusals():
            await self._access.change_user(
                principal.subject, password=body.new.get_secret_value(), but=principal.credential
            )
        return web.Response(status=204)

    async def users(self, request: web.Request) -> web.Response:
        """``GET /api/v1/users``."""
        return web.json_response({"users": [_user_body(user) for user in self._access.users]})

    async def add_user(self, request: web.Request) -> web.Response:
        """``POST /api/v1/users``."""
        body = _read(NewUser, await read_json(request, "A user"))
        with _refusals():
            user = await self._access.add_user(body.name, body.password.get_secret_value(), body.role)
        request[TARGET] = user.name
        return web.json_response(_user_body(user), status=201, headers={"Location": f"/api/v1/users/{user.id}"})

    async def change_user(self, request: web.Request) -> web.Response:
        """``PATCH /api/v1/users/{id}``: another role or password; all sessions of the user end."""
        body = _read(UserChanges, await read_json(request, "A user"))
        password = body.password.get_secret_value() if body.password else None
        with _refusals():
            user = await self._access.change_user(
                request.match_info["id"], role=body.role, password=password, but=_asker(request).credential
            )
        request[TARGET] = user.name
        return web.json_response(_user_body(user))

    async def remove_user(self, request: web.Request) -> web.Response:
        """``DELETE /api/v1/users/{id}``."""
        with _refusals():
            request[TARGET] = (await self._access.remove_user(request.match_info["id"])).name
        return web.Response(status=204)

    async def tokens(self, request: web.Request) -> web.Response:
        """``GET /api/v1/tokens``: what they may and when they were used, never the tokens themselves."""
        return web.json_response({"tokens": [_token_body(token) for token in self._access.tokens]})

    async def add_token(self, request: web.Request) -> web.Response:
        """``POST /api/v1/tokens``: the only answer with the token itself in it."""
        body = _read(NewToken, await read_json(request, "A token"))
        with _refusals():
            secret, token = await self._access.add_token(
                body.name, _asker(request).actor, role=body.role, scopes=body.scopes, days=body.days
            )
        request[TARGET] = token.name
        headers = {"Location": f"/api/v1/tokens/{token.id}"}
        return web.json_response({**_token_body(token), "token": secret}, status=201, headers=headers)

    async def revoke_token(self, request: web.Request) -> web.Response:
        """``DELETE /api/v1/tokens/{id}``: and all that was opened with it ends."""
        with _refusals():
            request[TARGET] = (await self._access.revoke_token(request.match_info["id"])).name
        return web.Response(status=204)

    async def audit(self, request: web.Request) -> web.Response:
        """``GET /api/v1/audit``: the newest first; ``before`` goes on from a page's ``next``."""
        most = AUDIT_LIMIT.of(request)
        page = await self._guard.audit.rows.page(AUDIT_BEFORE.of(request) or None, most)
        following = page[-1][0] if len(page) == most else None
        return web.json_response({"entries": [_entry_body(entry) for _, entry in page], "next": following})

    async def _begin(self, request: web.Request, body: Login) -> tuple[str, Session]:
        address = self._guard.caller(request).address
        if body.token:
            principal = await self._access.principal(body.token.get_secret_value())
            if principal is None or principal.credential != principal.subject:  # a session's secret begins no other
                raise WrongLogin
            return await self._access.log_in_with_token(principal, address)
        password = body.password.get_secret_value() if body.password else ""
        return await self._access.log_in(body.name or "", password, address, local=self._guard.is_local(request))

    def _give(self, request: web.Request, answer: web.Response, secret: str, session: Session) -> None:
        secure = self._guard.caller(request).secure
        answer.set_cookie(
            SECURE_COOKIE if secure else COOKIE,
            secret,
            max_age=int(session.expires_at - session.created_at),
            path="/",
            secure=secure,
            httponly=True,
            samesite="Strict",
        )


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except AccessRefused as error:
        raise Problem(error.slug, STATUS.get(error.slug, CONFLICT), str(error)) from error


def _read(shape: type[Shape], body: Json) -> Shape:
    try:
        return shape.model_validate(body)
    except ValidationError as error:
        wrong = [
            {
                "field": ".".join(map(str, mistake["loc"])),
                "detail": str(mistake["msg"]).removeprefix("Value error, "),
            }
            for mistake in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise Problem("invalid-request", 422, "Some of what was sent is wrong. See errors.", errors=wrong) from error


def _asker(request: web.Request) -> Principal:
    principal = principal_of(request)
    assert principal, "the guard lets nobody else come here"
    return principal


def _who_body(principal: Principal | None) -> Json:
    if principal is None:
        return {"signed_in": False}
    return {
        "signed_in": True,
        "kind": principal.kind,
        "name": principal.name,
        "role": principal.role,
        "permissions": sorted(principal.permissions),
        "expires_at": iso(principal.expires_at),
    }


def _user_body(user: User) -> Json:
    return {
        "id": user.id,
        "name": user.name,
        "role": user.role,
        "created_at": iso(user.created_at),
        "last_login_at": iso(user.last_login_at),
    }


def _token_body(token: Token) -> Json:
    permissions: Any = PERMISSIONS[token.role] if token.role else token.scopes
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "permissions": sorted(permissions),
        "created_by": token.created_by,
        "created_at": iso(token.created_at),
        "expires_at": iso(token.expires_at),
        "last_used_at": iso(token.last_used_at),
    }


def _entry_body(entry: Entry) -> Json:
    return {
        "at": iso(entry.at),
        "actor": entry.actor,
        "address": entry.address,
        "action": entry.action,
        "target": entry.target,
        "outcome": entry.outcome,
    }
