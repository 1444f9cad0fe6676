"""``python -m server token`` and ``user``: who has access, for whoever can reach the database but is locked out."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from .access import Access
from .auditlog import AuditLog
from .config import ConfigError, Settings, load_settings, settings_file
from .core.access import LEAST_PASSWORD, MOST_PASSWORD, NAME, Permission, Role
from .store.access import AccessRefused
from .store.audit import AuditRows
from .store.database import Database, DatabaseError
from .wire import iso


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, help="settings file; default ./vigie.yaml where there is one")
    common.add_argument("--data-dir", type=Path, help="the server's data folder; default ./data")
    options = argparse.ArgumentParser(prog="python -m server", description="Who has access to a Vigie.")
    things = options.add_subparsers(dest="thing", required=True)
    token = things.add_parser("token", help="tokens of programs").add_subparsers(dest="order", required=True)
    user = things.add_parser("user", help="users").add_subparsers(dest="order", required=True)

    add = token.add_parser("add", parents=[common], help="make one and print it, this once")
    add.add_argument("name", help="what it is for")
    add.add_argument("--role", choices=list(Role), help="all that a role may; default admin")
    add.add_argument("--scope", action="append", choices=list(Permission), default=[], help="or only so much")
    add.add_argument("--days", type=float, help="how long it is good for; default for ever")
    token.add_parser("list", parents=[common], help="all, without the tokens themselves")
    token.add_parser("revoke", parents=[common], help="end one").add_argument("id", help="as listed")

    add = user.add_parser("add", parents=[common], help="asks for the password, or reads it from standard input")
    add.add_argument("name")
    add.add_argument("--role", choices=list(Role), default=Role.ADMIN, help="default admin")
    user.add_parser("list", parents=[common], help="all")
    user.add_parser("password", parents=[common], help="give a user another one").add_argument("name")
    user.add_parser("remove", parents=[common], help="remove one").add_argument("name")
    return options


def run(arguments: Sequence[str]) -> None:
    """Do it; raises ConfigError. A server that runs meanwhile knows of it two seconds later."""
    given = parser().parse_args(arguments)
    settings = load_settings(settings_file(given.config), **({"data_dir": given.data_dir} if given.data_dir else {}))
    try:
        asyncio.run(_run(given, settings))
    except (AccessRefused, DatabaseError) as error:
        raise ConfigError(str(error)) from error


async def _run(given: argparse.Namespace, settings: Settings) -> None:
    if settings.database is None and not (settings.data_dir / "vigie.db").exists():
        raise ConfigError(f"There is no database in {settings.data_dir}. Name the data folder with --data-dir.")
    url = settings.database.get_secret_value() if settings.database else f"sqlite:///{settings.data_dir / 'vigie.db'}"
    rows = settings.access
    async with (
        Database(url) as database,
        Access(database, rows) as access,
        AuditLog(AuditRows(database, rows.audit_most), rows.audit_days) as audit,
    ):
        target = await (_token(given, access) if given.thing == "token" else _user(given, access))
        if target is not None:
            audit.note("command line", "", f"{given.thing}.{given.order}", target)


async def _token(given: argparse.Namespace, access: Access) -> str | None:
    """What was changed; None: nothing."""
    if given.order == "list":
        for token in access.tokens:
            may = token.role or ",".join(token.scopes)
            print(f"{token.id}  {token.name}  {may}  until {iso(token.expires_at)}  used {iso(token.last_used_at)}")
        return None
    if given.order == "revoke":
        return (await access.revoke_token(given.id)).name
    if given.role and given.scope:
        raise ConfigError("Give --role or --scope, not both.")
    if given.days is not None and not 0 < given.days <= 3650:
        raise ConfigError("--days is a number above 0, 3650 at the most.")
    _check_name(given.name)
    role = None if given.scope else Role(given.role or Role.ADMIN)
    secret, token = await access.add_token(
        given.name, "command line", role=role, scopes=tuple(given.scope), days=given.days
    )
    print(secret)
    return token.name


async def _user(given: argparse.Namespace, access: Access) -> str | None:
    if given.order == "list":
        for user in access.users:
            print(f"{user.name}  {user.role}  logged in {iso(user.last_login_at)}")
        return None
    if given.order == "add":
        _check_name(given.name)
        await access.add_user(given.name, _password(), Role(given.role))
        return str(given.name)
    known = next((user for user in access.users if user.name == given.name), None)
    if known is None:
        raise ConfigError(f"There is no user named {given.name}. See: python -m server user list")
    if given.order == "password":
        await access.change_user(known.id, password=_password())
    else:
        await access.remove_user(known.id)
    return known.name


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ConfigError("A name has up to 63 letters, digits, spaces, dots, dashes, underscores and @.")


def _password() -> str:
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise ConfigError(f"A password has {LEAST_PASSWORD} to {MOST_PASSWORD} signs.")
    return password
