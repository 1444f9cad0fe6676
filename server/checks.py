"""Checks of one part each, for the doctor of the command line and for that of a running server. They change nothing."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .aside import aside
from .config import Settings
from .core.access import is_loopback_host
from .plugins import ModelInfo, SourceLost
from .store.subscriptions import Subscription
from .tls import Shown, shown_certificate
from .urls import address_of, knock

LIMIT_S = 15.0
LEAST_FREE_BYTES = 20_000_000
ENDS_SOON = timedelta(days=7)

Check = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. ``part`` is what it looked at, ``of`` which one where there are several; ``detail`` says
    what works, or why it does not and what to do."""

    part: str
    of: str
    works: bool
    detail: str

    @property
    def name(self) -> str:
        """Both, as one name."""
        return f"{self.part} {self.of}".strip()


class Broken(Exception):
    """What is checked does not work; the message says why and what to do."""


async def all_made(checks: Iterable[tuple[str, str, Check]]) -> list[Finding]:
    """What all checks found, each a part, which one, and how to look; side by side, each in :data:`LIMIT_S` or less."""
    return list(await asyncio.gather(*(_made(part, of, check) for part, of, check in checks)))


async def _made(part: str, of: str, check: Check) -> Finding:
    try:
        async with asyncio.timeout(LIMIT_S):
            return Finding(part, of, True, await check())
    except TimeoutError:
        return Finding(part, of, False, f"There was no answer within {LIMIT_S:g} s.")
    except Broken as error:
        return Finding(part, of, False, str(error))


def model(info: ModelInfo) -> str:
    """Whether an open model runs on the device that was asked for."""
    if info.fallback:
        raise Broken(f"{info.name} runs on {info.device}, for {info.fallback.rstrip('.')}. See detector.device.")
    return f"{info.name} is run by {info.backend} on {info.device}, {info.precision}."


async def disk(folder: Path) -> str:
    """Whether there is room where Vigie writes."""
    return await asyncio.to_thread(_room, folder)


def _room(folder: Path) -> str:
    try:
        place = next(part for part in (folder, *folder.absolute().parents) if part.exists())
        free = shutil.disk_usage(place).free
    except OSError as error:
        raise Broken(f"{folder} cannot be used: {error.strerror}. See data_dir.") from error
    if free < LEAST_FREE_BYTES:
        raise Broken(f"{free / 1e6:.0f} MB are free at {place}. Make room, or see data_dir.")
    return f"{free / 1e9:.1f} GB are free at {place}."


async def certificate(settings: Settings) -> str:
    """Until when the certificate is good, and for which names."""
    if not settings.tls.enabled:
        return _without_tls(settings)
    try:
        shown = await asyncio.to_thread(shown_certificate, settings)
    except (OSError, ValueError) as error:
        raise Broken(f"{error}. See tls.") from error
    if shown is None:
        return "It is made on the first start."
    return _standing(shown, datetime.now(UTC))


def _without_tls(settings: Settings) -> str:
    if (settings.public_url or "").startswith("https:"):
        return "TLS is off here; by public_url a proxy has it."
    if is_loopback_host(f"[{settings.host}]" if ":" in settings.host else settings.host) and not settings.public_url:
        return "TLS is off, which does for this machine alone."
    raise Broken("TLS is off: others read passwords on the way, and browsers give no webcam. Set tls: self-made.")


def _standing(shown: Shown, now: datetime) -> str:
    until = f"{shown.until:%Y-%m-%d}"
    if now < shown.since:
        raise Broken(f"It is good from {shown.since:%Y-%m-%d %H:%M} UTC on. See the clock of this machine.")
    if now >= shown.until:
        raise Broken(f"It ended on {until}. Renew {shown.file}; it is read anew by itself.")
    if shown.lacks:
        names = ", ".join(shown.lacks)
        raise Broken(f"It is not for {names}, which public_url or host say. Get one that is, or change those.")
    if shown.until - now < ENDS_SOON and not shown.renewed:
        raise Broken(f"It ends on {until}. Renew {shown.file} now; it is read anew by itself.")
    if shown.self_made:
        return f"It is good until {until} and self-made: each browser warns of it once."
    return f"It is good until {until}, signed by {shown.issuer}."


async def webhook(subscription: Subscription) -> str:
    """Whether somebody listens at a receiver, and how the last delivery ended."""
    host, port = address_of(subscription.url, {"http": 80, "https": 443})
    try:
        await aside(lambda: knock(host, port, 5), "knock")
    except SourceLost as lost:
        raise Broken(f"{str(lost).capitalize()} ({host}). Alerts wait for it. See the page Alerts.") from lost
    if (subscription.last_failure_at or 0) > (subscription.last_success_at or 0):
        raise Broken(f"Its last delivery failed: {subscription.last_failure_error}. See the page Alerts.")
    return f"Somebody listens at {host}:{port}."


async def broker(settings: Settings) -> str:
    """Whether somebody listens at the address of the MQTT broker."""
    host, port = settings.mqtt.address
    try:
        await aside(lambda: knock(host, port, 5), "knock")
    except SourceLost as lost:
        raise Broken(f"{str(lost).capitalize()}. See mqtt.url.") from lost
    return f"Somebody listens at {host}:{port}."
