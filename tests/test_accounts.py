"""``python -m server token`` and ``user``, for somebody locked out; and what the first start shows."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

import pytest

from server import accounts
from server.app import ready_line, running
from server.config import ConfigError, load_settings

from .support.access import REMOTE, visited
from .support.server import Server, client_of, own_folder, serving
from .support.waiting import eventually

PASSWORD = "correct horse battery"


async def run(server: Server, *arguments: str) -> None:
    """In a thread, as the commands have a loop of their own."""
    await asyncio.to_thread(accounts.run, [*arguments, "--data-dir", str(server.settings.data_dir)])


async def test_who_is_locked_out_lets_himself_in(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(data_dir, warm=False, **REMOTE) as server, visited(server, None) as visitor:
        await run(server, "token", "add", "rescue")
        token = capsys.readouterr().out.strip()
        visitor.token = token
        assert (await visitor.get("/api/v1/session")).json()["role"] == "admin"
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
        await run(server, "user", "add", "anna", "--role", "viewer")
        visitor.token = None

        async def in_() -> bool:
            return (await visitor.log_in(name="anna", password=PASSWORD)).status == 201

        await eventually(in_, "the running server to know the user")
        await run(server, "user", "list")
        await run(server, "token", "list")
        listed = capsys.readouterr().out
        assert "anna  viewer" in listed
        assert "rescue  admin  until None" in listed
        assert token not in listed
        token_id = next(line.split()[0] for line in listed.splitlines() if "rescue" in line)
        await run(server, "token", "revoke", token_id)
        visitor.token = token

        async def out() -> bool:
            return (await visitor.get("/api/v1/session")).status == 401

        await eventually(out, "the running server to refuse the token")
        visitor.token = None
        monkeypatch.setattr(sys, "stdin", io.StringIO("another long password\n"))
        await run(server, "user", "password", "anna")
        await run(server, "user", "remove", "anna")
        async with client_of(server) as local:
            entries = (await local.get("/api/v1/audit")).json()["entries"]
        by_hand = [entry["action"] for entry in entries if entry["actor"] == "command line"]
        assert by_hand == ["user.remove", "user.password", "token.revoke", "user.add", "token.add"]


async def test_what_cannot_be_is_said(data_dir: Path) -> None:
    async with serving(data_dir, warm=False) as server:
        for arguments, words in (
            (["token", "add", "x", "--role", "viewer", "--scope", "view"], "not both"),
            (["token", "add", "x", "--days", "0"], "above 0"),
            (["token", "add", "<x>"], "A name has"),
            (["token", "revoke", "none"], "no token"),
            (["user", "password", "nobody"], "no user named nobody"),
        ):
            with pytest.raises(ConfigError, match=words):
                await run(server, *arguments)


def test_a_folder_without_a_database_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no database in"):
        accounts.run(["token", "list", "--data-dir", str(tmp_path)])
    assert not list(tmp_path.iterdir())


async def first_line(folder: Path, **values: object) -> str:
    settings = load_settings(None, port=0, data_dir=folder, **values)
    async with running(settings) as server:
        return ready_line(server, settings)


async def test_the_first_start_shows_a_link_once(data_dir: Path, tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "a", data_dir)
    line = await first_line(folder, host="0.0.0.0")
    link = line.splitlines()[0].removeprefix("Vigie is ready: ")
    assert "0.0.0.0" not in link
    address, _, token = link.partition("/#token=")
    assert address.startswith("http://")
    assert token.startswith("vigie_")
    assert "token" not in await first_line(folder, host="0.0.0.0"), "the second does not"


async def test_the_link_is_the_one_others_use(data_dir: Path, tmp_path: Path) -> None:
    line = await first_line(own_folder(tmp_path / "b", data_dir), public_url="https://vigie.example/gate/")
    assert line.startswith("Vigie is ready: https://vigie.example/gate/#token=vigie_")


async def test_where_nobody_needs_one_there_is_none(data_dir: Path, tmp_path: Path) -> None:
    line = await first_line(own_folder(tmp_path / "c", data_dir))
    assert line.startswith("Vigie is ready: http://localhost:")
    assert "token" not in line
