"""Debian's PostgreSQL as a server of the tests' own: started, killed, started again on its port; fresh databases."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg

from .rtsp import free_port

DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian has a folder for each version; of its programs only the clients are in the path."""

OWNER = "postgres"
"""PostgreSQL does not run as root; Debian's package makes this user for it."""

USER, PASSWORD = "vigie", "the-password-of-the-database"
SETTINGS = {
    "fsync": "off",  # the machine does not fail in a test; what a killed server had committed is kept all the same
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "listen_addresses": "127.0.0.1",
}


def programs() -> Path | None:
    """The folder of the newest version's programs."""
    found = [folder for folder in DEBIAN.glob("*/bin") if (folder / "initdb").exists()]
    return max(found, key=lambda folder: float(folder.parent.name), default=None)


def why_not() -> str | None:
    """What is missing for a :class:`Postgres`, or None; tests/services.sh installs it."""
    if not programs():
        return "no PostgreSQL on this machine: see tests/services.sh"
    if os.geteuid() == 0 and OWNER not in (user.pw_name for user in pwd.getpwall()):
        return f"PostgreSQL does not run as root, and there is no user {OWNER}"
    return None


class Postgres:
    """One server, in a folder and on a port of its own; ``settings`` go over the usual ones."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self._settings = {**SETTINGS, **settings}
        self._folder = folder
        self._data = folder / "data"
        self._numbers = count(1)

    def url(self, database: str, password: str = PASSWORD) -> str:
        """Where a database is, as the settings have it."""
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def make(self) -> None:
        """Make the folder of the data, once."""
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self._folder, secret):
                shutil.chown(path, OWNER, OWNER)
        self._run(
            "initdb", "--pgdata", self._data, "--username", USER, "--pwfile", secret, "--encoding", "UTF8",
            "--locale", "C.UTF-8", "--auth-local", "trust", "--auth-host", "scram-sha-256", "--no-sync",
        )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it answers; a second time on the port that it had."""
        settings = {**self._settings, "port": self.port, "unix_socket_directories": self._folder}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        log = self._folder / "log"
        try:
            self._run(
                "pg_ctl", "start", "--wait", "--silent", "--pgdata", self._data, "--log", log, "--options", options
            )
        except subprocess.CalledProcessError as error:
            raise AssertionError(f"PostgreSQL did not start: {log.read_text() if log.exists() else error}") from error

    def kill(self) -> None:
        """End it at once: connections break off, nothing is tidied up. A second time does nothing."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "--mode", "immediate", "--pgdata", self._data)

    @asynccontextmanager
    async def database(self, template: str = "template0") -> AsyncIterator[str]:
        """The URL of a fresh copy of a database, dropped with the block; nobody may be connected to the template."""
        name = f"test_{next(self._numbers)}"
        await self._do(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            await self._do(f"DROP DATABASE {name} WITH (FORCE)")

    async def _do(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _run(self, program: str, *arguments: str | Path) -> None:
        folder = programs()
        assert folder
        own: dict[str, Any] = {"user": OWNER, "group": OWNER, "extra_groups": ()} if os.geteuid() == 0 else {}
        bare = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        # Its output goes to no pipe: the server would inherit that, and the end of it would never come.
        subprocess.run(
            [folder / program, *arguments], check=True, cwd=self._folder, env=bare, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, **own,
        )  # fmt: skip


@contextmanager
def postgres_server(**settings: str) -> Iterator[Postgres]:
    """A server that runs for as long as the block does; ``settings`` go over the usual ones."""
    # Not within pytest's folder: only the user of the tests may enter that.
    folder = Path(tempfile.mkdtemp(prefix="vigie-postgres-"))
    try:
        server = Postgres(folder, **settings)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder)
