"""The cameras kept on disk: over restarts, beside the settings, on a full disk, after a crash."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from server import catalogue as catalogue_module
from server.catalogue import CAMERAS, CREDENTIALS, Catalogue, mark_of
from server.config import CameraSettings, ConfigError

SECRET = "s3cr3t"
SQUARE = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))


def camera(name: str = "door", url: str = "rtsp://10.0.0.7/1", **settings: Any) -> CameraSettings:
    return CameraSettings(**{"name": name, "url": url, **settings})


def opened(folder: Path, declared: Sequence[CameraSettings] = ()) -> list[tuple[CameraSettings, bool]]:
    """What a start opens."""
    return Catalogue(folder, declared).cameras()


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


FULL = camera(
    "yard",
    f"rtsp://bob:{SECRET}@10.0.0.8/1?a=b",
    transport="udp",
    loop=True,
    look_rate=2.5,
    zones=(SQUARE,),
    masks=(SQUARE, SQUARE),
    motion_gate=False,
    enabled=False,
    labels=("gate", "d\u00e9p\u00f4t"),
)


async def test_over_a_restart_everything_is_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    catalogue = Catalogue(folder, ())
    assert catalogue.cameras() == []
    await catalogue.keep(FULL)
    await catalogue.keep(camera())
    assert opened(folder) == [(FULL, False), (camera(), False)]
    await catalogue.keep(camera("yard"))
    assert opened(folder) == [(camera("yard"), False), (camera(), False)], "a change keeps its place"
    await catalogue.forget("yard")
    await catalogue.forget("nobody")
    assert opened(folder) == catalogue.cameras() == [(camera(), False)]


async def test_passwords_are_apart_and_only_for_the_owner(tmp_path: Path) -> None:
    (tmp_path / f"{CREDENTIALS}.new").touch(0o644)  # left behind by a crash, and open to all
    os.umask(old := os.umask(0))
    try:
        await Catalogue(tmp_path, ()).keep(FULL)
    finally:
        os.umask(old)
    texts = {name: content.decode() for name, content in files(tmp_path).items()}
    assert set(texts) == {CAMERAS, CREDENTIALS}
    assert SECRET not in texts[CAMERAS]
    assert "bob" not in texts[CAMERAS]
    assert json.loads(texts[CREDENTIALS]) == {"yard": {"username": "bob", "password": SECRET}}
    assert modes(tmp_path) == {0o600}


async def test_a_forgotten_password_is_not_on_disk_any_more(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path, ())
    await catalogue.keep(FULL)
    await catalogue.keep(FULL.model_copy(update={"password": None}))
    assert SECRET not in (tmp_path / CREDENTIALS).read_text()
    await catalogue.forget("yard")
    assert json.loads((tmp_path / CREDENTIALS).read_text()) == {}


# --- beside the settings ---------------------------------------------------------------------------------------------


async def test_what_the_api_changes_stands_over_the_settings(tmp_path: Path) -> None:
    declared = (camera("a"), camera("b"))
    catalogue = Catalogue(tmp_path, declared)
    assert catalogue.cameras() == [(camera("a"), True), (camera("b"), True)]
    await catalogue.keep(camera("a", loop=True))
    await catalogue.keep(camera("c"))
    await catalogue.forget("b")
    assert opened(tmp_path, declared) == [(camera("a", loop=True), False), (camera("c"), False)]


@pytest.mark.parametrize(
    "change", [{"url": "rtsp://10.0.0.9/1"}, {"password": "other"}, {"look_rate": 1.0}, {"labels": ("x",)}]
)
async def test_settings_that_say_something_new_are_right(change: dict[str, Any], tmp_path: Path) -> None:
    declared = (camera("a"), camera("b"), camera("c"))
    catalogue = Catalogue(tmp_path, declared)
    await catalogue.keep(camera("a", loop=True))
    await catalogue.forget("b")
    await catalogue.keep(camera("c", loop=True))
    later = (camera("a", **change), camera("b", **change), camera("c"))
    assert opened(tmp_path, later) == [(later[0], True), (later[1], True), (camera("c", loop=True), False)]


async def test_what_the_settings_no_longer_name_is_gone(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path, (camera("a"), camera("b")))
    await catalogue.keep(camera("a", loop=True))
    await catalogue.forget("b")
    assert opened(tmp_path) == []


async def test_settings_that_take_the_name_of_one_added_are_right(tmp_path: Path) -> None:
    await Catalogue(tmp_path, ()).keep(camera("a", loop=True))
    assert opened(tmp_path, (camera("a"),)) == [(camera("a"), True)]


def test_the_mark_of_a_camera_is_of_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    marks = {mark_of(camera()), mark_of(FULL), mark_of(camera(password="a")), mark_of(camera(password="b"))}
    assert len(marks) == 4
    assert mark_of(camera(loop=False)) == mark_of(camera()), "a field of a later version, as usual, changes nothing"
    assert SECRET not in mark_of(FULL)


# --- at once, full, torn ---------------------------------------------------------------------------------------------


async def test_many_at_once_are_all_kept(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path, ())
    await asyncio.gather(*(catalogue.keep(camera(f"c{n}", password=f"p{n}")) for n in range(20)))
    await asyncio.gather(*(catalogue.forget(f"c{n}") for n in range(0, 20, 2)))
    names = [settings.name for settings, _ in opened(tmp_path)]
    assert names == [settings.name for settings, _ in catalogue.cameras()] == [f"c{n}" for n in range(1, 20, 2)]
    assert set(json.loads((tmp_path / CREDENTIALS).read_text())) == set(names)


@pytest.mark.parametrize("fails_at", [1, 2])
async def test_a_full_disk_leaves_the_old_state(fails_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalogue(tmp_path, ())
    await catalogue.keep(FULL)
    before = files(tmp_path)
    calls = 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == fails_at:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        await catalogue.keep(FULL.model_copy(update={"url": "rtsp://10.0.0.99/", "username": "eve"}))
    assert files(tmp_path) == before
    assert catalogue.cameras() == [(FULL, False)]
    await catalogue.keep(camera())
    assert opened(tmp_path) == [(FULL, False), (camera(), False)]


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    catalogue = Catalogue(tmp_path / "file", ())
    with pytest.raises(OSError, match=r"exists|directory"):
        await catalogue.keep(camera())


async def test_a_crash_between_the_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new passwords and the old cameras: all can be read, and no camera has lost its password."""
    catalogue = Catalogue(tmp_path, ())
    await catalogue.keep(FULL)
    real = Path.replace

    def crash(path: Path, target: Path) -> Path:
        if path.name.startswith(CAMERAS):
            raise KeyboardInterrupt
        return real(path, target)

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        catalogue._save({**catalogue._entries, "door": catalogue_module.Entry(camera(password="new"))})
    monkeypatch.undo()
    assert opened(tmp_path) == [(FULL, False)]
    await Catalogue(tmp_path, ()).keep(camera())
    assert set(files(tmp_path)) == {CAMERAS, CREDENTIALS}


async def test_a_change_that_is_given_up_does_not_mix_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread of the first still writes when the second begins."""
    real, goes_on, inside = os.fsync, threading.Event(), threading.Event()

    def slowly(descriptor: int) -> None:
        inside.set()
        goes_on.wait(20)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", slowly)
    catalogue = Catalogue(tmp_path, ())
    first = asyncio.create_task(catalogue.keep(camera("first", labels=("x" * 40,) * 1)))
    await asyncio.to_thread(inside.wait, 20)
    first.cancel()
    second = asyncio.create_task(catalogue.keep(camera("second")))
    await asyncio.wait((first, second), timeout=0.05)
    assert first.cancelled()
    assert not second.done()
    goes_on.set()
    await second
    assert opened(tmp_path) == catalogue.cameras() == [(camera("second"), False)]
    assert set(files(tmp_path)) == {CAMERAS, CREDENTIALS}


def corrupt() -> Iterator[tuple[str, bytes]]:
    for name in (CAMERAS, CREDENTIALS):
        for content in (b"", b"{", b"[]", b"\xff\xfe", b"null"):
            yield name, content
    for said in (b"[]", b'{"yard": {}}', b'{"yard": null}', b'{"yard": {"camera": {"name": "yard"}, "over": null}}'):
        yield CAMERAS, b'{"version": 1, "cameras": ' + said + b"}"
    yield CAMERAS, b'{"version": 1, "cameras": {"a": {"camera": {"name": "a", "url": "gopher://x"}, "over": null}}}'
    yield CAMERAS, b'{"version": 2, "cameras": {}}'
    for said in (b'["s3cr3t"]', b'{"password": ["s3cr3t"]}', b'{"colour": "s3cr3t"}', b"null"):
        yield CREDENTIALS, b'{"yard": ' + said + b"}"


@pytest.mark.parametrize(("name", "content"), list(corrupt()))
async def test_a_file_that_cannot_be_read_is_named(name: str, content: bytes, tmp_path: Path) -> None:
    await Catalogue(tmp_path, ()).keep(FULL)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        Catalogue(tmp_path, ())
    assert str(tmp_path / CAMERAS) in str(caught.value)
    assert CREDENTIALS in str(caught.value)
    assert SECRET not in str(caught.value)
    assert (tmp_path / name).read_bytes() == content, "it is left for a person to mend"
