"""The one registry of feeds: everyone else asks it."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

from .addresses import ANYWHERE, AddressRefused, AddressRule
from .aside import aside
from .camera import ON_NETWORK, PORTS, REMOVED, Camera, Push
from .catalogue import Catalogue
from .config import CameraSettings, FleetSettings
from .core.analyzer import Analyzer
from .core.identifiers import uuid7
from .core.policy import ConfirmationPolicy
from .core.tracking import TrackerSettings
from .detector import Detector
from .feed import Feed, FeedState, Rates, Witness
from .journal import Journal
from .memory import give_back
from .metrics import Metrics
from .plugins import SourceLost
from .urls import PUSHED, address_of

log = logging.getLogger(__name__)


COMMAND_LINE = "command line"
KEPT_NOWHERE = (COMMAND_LINE, "push")
LOOK_UP_S = 3.0
GIVE_BACK_EVERY_S = 30


class CameraRefused(Exception):
    """A camera cannot be had like this. ``slug`` names the reason, the message says what to do."""

    def __init__(self, slug: str, detail: str) -> None:
        super().__init__(detail)
        self.slug = slug


class PushRefused(CameraRefused):
    """Video cannot be pushed here; ``slug``: unknown-camera, wrong-token, camera-not-pushed, camera-stopped or
    camera-busy."""


class Cameras:
    """Owns all feeds: cameras, which come by themselves, and sessions, into which the edge publishes."""

    def __init__(
        self,
        detector: Detector,
        journal: Journal,
        metrics: Metrics,
        policy: ConfirmationPolicy,
        tracker: TrackerSettings,
        rates: Rates,
        catalogue: Catalogue,
        fleet: FleetSettings,
        rule: AddressRule,
        whip_token: str,
        witnesses: Callable[[str, str], Sequence[Witness]] = lambda name, kind: (),
    ) -> None:
        """``witnesses``: who remembers what the feed of a name and kind shows."""
        self.detector = detector
        self._journal = journal
        self._witnesses = witnesses
        self.metrics = metrics
        self.rule = rule
        """Where cameras that the API adds may be."""
        self._rates = rates
        self._policy = policy
        self._tracker = tracker
        self._catalogue = catalogue
        self._fleet = fleet
        self._whip_token = whip_token
        self._feeds: dict[str, Feed] = {}
        self._cameras: dict[str, Camera] = {}
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._ticker: asyncio.Task[None] | None = None
        self._sessions = 0
        self._coming = 0

    async def __aenter__(self) -> Self:
        self._ticker = asyncio.create_task(self._tick(), name="ticker")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticker:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        await asyncio.gather(*(self._close(name, "the server stops") for name in list(self._cameras)))

    def open_all(self, sources: Sequence[CameraSettings]) -> None:
        """Open the cameras of the command line, of the settings and of the catalogue."""
        for settings in sources:
            self._open(settings, COMMAND_LINE, ANYWHERE)
        for settings, declared in self._catalogue.cameras():
            if settings.name in self._feeds:
                log.warning("camera %s of the command line stands over another of this name", settings.name)
            else:
                self._open(settings, "settings" if declared else "api", ANYWHERE if declared else self.rule)

    def get(self, name: str) -> Feed | None:
        """The feed of the camera of this name."""
        camera = self._cameras.get(name)
        return camera.feed if camera else None

    def feed(self, name: str) -> Feed | None:
        """The feed of this name, of a camera or of a browser session."""
        return self._feeds.get(name)

    def cameras(self) -> list[Feed]:
        """The feeds of all cameras, in the order they were added; browser sessions are not among them."""
        return [camera.feed for camera in self._cameras.values()]

    def all(self) -> list[Camera]:
        """All cameras, in the order they were added."""
        return list(self._cameras.values())

    def camera(self, name: str) -> Camera:
        """The camera of this name; raises :class:`CameraRefused` where there is none."""
        if name not in self._cameras:
            raise CameraRefused("unknown-camera", f"There is no camera named {name[:80]!r}.")
        return self._cameras[name]

    async def add(self, settings: CameraSettings) -> Camera:
        """Open a camera and keep it; its state tells how that went.

        Raises :class:`CameraRefused` when its name is taken, it is one too many or its URL is not allowed, and OSError
        when it cannot be kept.
        """
        async with self._change(settings.name):
            if settings.name in self._feeds:
                raise CameraRefused("camera-exists", f"There is already a camera named {settings.name}.")
            self._check_policy(settings)
            self._check_count()
            self._coming += 1  # so that many who come at once do not pass the limit together
            try:
                await self.check_url(settings)
                await self._catalogue.keep(settings)
            finally:
                self._coming -= 1
            return self._open(settings, "api", self.rule)

    async def change(self, name: str, change: Callable[[CameraSettings], CameraSettings]) -> Camera:
        """Give a camera other settings and keep them; it is opened again only if its stream is another one.

        ``change`` makes them out of those of the moment, so that of two changes at once none undoes the other.
        Raises :class:`CameraRefused` when there is no such camera or the URL is not allowed, OSError, and what
        ``change`` raises.
        """
        async with self._change(name):
            camera = self.camera(name)
            settings = change(camera.settings)
            if settings.policy != camera.settings.policy:
                self._check_policy(settings)
            rule = camera.rule
            if settings.url != camera.settings.url:  # the old one may be what only the settings file may say
                await self.check_url(settings)
                rule = self.rule
            if camera.origin != COMMAND_LINE:  # what the command line says holds for as long as the process
                await self._catalogue.keep(settings)
                camera.origin = "api"  # one that was there by a push alone stays now: stopped, say
            await camera.change(settings, rule)
            camera.feed.policy = self._policy_of(settings)
            return camera

    async def start(self, name: str) -> Camera:
        """Watch a camera that is stopped, or try one that is lost or over at once. Raises as :meth:`change`."""
        async with self._change(name):
            camera = self.camera(name)
            if camera.settings.enabled:
                await camera.try_now()
                return camera
        return await self.change(name, lambda settings: settings.model_copy(update={"enabled": True}))

    async def remove(self, name: str) -> None:
        """Close a camera, wait for its thread to end, and forget it. Raises :class:`CameraRefused`, OSError."""
        async with self._change(name):
            camera = self.camera(name)
            if camera.origin not in KEPT_NOWHERE:
                await self._catalogue.forget(name)
            await self._close(name, REMOVED)

    @asynccontextmanager
    async def push(self, name: str, token: str) -> AsyncIterator[Push]:
        """The right to send a camera's pictures, for as long as the block runs. Raises :class:`PushRefused`.

        With the server's own token any free name becomes a camera, which goes when the block ends.
        """
        camera = self._cameras.get(name)
        changing = self._is_changing(name)
        if camera is None:
            if not _same(token, self._whip_token):
                # One answer for both, so that nobody learns the names of cameras by asking.
                raise PushRefused("wrong-token", "This token is not the one for this camera.")
            try:
                settings = CameraSettings(name=name, url=f"{PUSHED}:")
                self._check_count()
            except (ValueError, CameraRefused) as error:
                raise PushRefused("unknown-camera", "No camera can be made under this name.") from error
            if name in self._feeds or changing:
                raise PushRefused("camera-busy", f"The name {name} is taken.")
            camera = self._open(settings, "push", self.rule)
        else:
            own = camera.settings.password.get_secret_value() if camera.settings.password else None
            if not (_same(token, self._whip_token) or (own and _same(token, own))):
                raise PushRefused("wrong-token", "This token is not the one for this camera.")
            if camera.settings.kind != PUSHED:
                raise PushRefused("camera-not-pushed", f"The camera {name} takes its video from a URL.")
            if not camera.settings.enabled:
                raise PushRefused("camera-stopped", f"The camera {name} is stopped. Start it first.")
            if camera.push:
                raise PushRefused("camera-busy", f"Somebody sends video to {name} already.")
            if changing:
                raise PushRefused("camera-busy", f"The camera {name} is being changed. Try again at once.")
        push = camera.open_push()
        try:
            yield push
        finally:
            camera.close_push()
            if not self._is_changing(name):
                self._drop_guest(name)

    @asynccontextmanager
    async def session(self, kind: str) -> AsyncIterator[Feed]:
        """A feed for one browser session, for as long as the block runs."""
        self._sessions += 1
        while (name := f"{kind}-{self._sessions:04x}") in self._feeds or self._is_changing(name):
            self._sessions += 1  # a camera is called so, or will be
        feed = self._enter(name, kind)
        try:
            yield feed
        finally:
            self._leave(feed, "the session ended")

    def _open(self, settings: CameraSettings, origin: str, rule: AddressRule) -> Camera:
        camera = self._cameras[settings.name] = Camera(settings, self._enter(settings.name, "camera"), rule, origin)
        camera.feed.policy = self._policy_of(settings)
        camera.start()
        return camera

    async def _close(self, name: str, reason: str) -> None:
        camera = self._cameras.get(name)
        if camera is None:
            return
        await camera.end(reason)
        if self._cameras.get(name) is camera:  # one that was there by a push alone has gone with it
            del self._cameras[name]
            self._leave(camera.feed, reason)

    @asynccontextmanager
    async def _change(self, name: str) -> AsyncIterator[None]:
        """One change of a camera at a time."""
        lock = self._changing.setdefault(name, asyncio.Lock())  # it lives as long as somebody holds or awaits it
        async with lock:
            try:
                yield
            finally:
                self._drop_guest(name)

    def _drop_guest(self, name: str) -> None:
        """Let go of a camera that was there by a push alone, once nobody pushes any more."""
        camera = self._cameras.get(name)
        if camera and camera.origin == "push" and not camera.push:
            self._leave(self._cameras.pop(name).feed, "the publisher left")

    def _is_changing(self, name: str) -> bool:
        lock = self._changing.get(name)
        return lock is not None and lock.locked()

    def _policy_of(self, settings: CameraSettings) -> ConfirmationPolicy:
        """The policy of a camera. One that was kept when the usual policy was another may not go with it any more."""
        try:
            return settings.policy_over(self._policy)
        except ValueError as error:
            log.warning("camera %s has the usual policy, for its own cannot be: %s", settings.name, error)
            return self._policy

    def use_policy(self, policy: ConfirmationPolicy) -> None:
        """From now on the usual policy is this one. Events that are open are held against it too."""
        self._policy = policy
        for feed in self._feeds.values():
            feed.policy = policy
        for camera in self._cameras.values():
            camera.feed.policy = self._policy_of(camera.settings)

    def _check_policy(self, settings: CameraSettings) -> None:
        try:
            settings.policy_over(self._policy)
        except ValueError as error:
            raise CameraRefused("invalid-camera", f"The policy cannot be: {error}.") from error

    def _check_count(self) -> None:
        if len(self._cameras) + self._coming >= self._fleet.most_cameras:
            raise CameraRefused(
                "too-many-cameras", f"There are {len(self._cameras)} cameras already, which is the most allowed."
            )

    async def check_url(self, settings: CameraSettings) -> None:
        """Whether the API may open such a URL; raises :class:`CameraRefused`.

        The address is checked again whenever it is connected to: this is for a clear answer at once.
        """
        scheme = settings.url.partition(":")[0].lower() if settings.kind not in ("file", "v4l2") else settings.kind
        if scheme not in self._fleet.schemes:
            raise CameraRefused(
                "camera-url-not-allowed",
                f"Cameras of kind {scheme} cannot be added here. Allowed are: {', '.join(self._fleet.schemes)}. "
                "Others can be put into vigie.yaml, or allowed there under fleet.",
            )
        if settings.kind in ON_NETWORK:
            try:
                async with asyncio.timeout(LOOK_UP_S):
                    host, port = address_of(settings.url, PORTS)
                    await aside(lambda: self.rule.resolve(host, port), "look-up")
            except AddressRefused as error:
                raise CameraRefused(
                    "camera-url-not-allowed", f"Cameras cannot be there: {error}. fleet.networks can allow it."
                ) from error
            except (SourceLost, TimeoutError):
                pass  # a name that is not known now may be later: the camera's state will tell

    def _enter(self, name: str, kind: str) -> Feed:
        analyzer = Analyzer(
            name,
            self.detector.labels,
            lambda unix: uuid7(unix, os.urandom(10)),
            self._policy,
            self._tracker,
            self.detector.model.name,
        )
        feed = self._feeds[name] = Feed(
            name, kind, analyzer, self.detector, self._journal, self.metrics, self._rates, self._witnesses(name, kind)
        )
        self.detector.attach(feed)
        self.metrics.feeds.labels(kind).inc()
        return feed

    def _leave(self, feed: Feed, reason: str) -> None:
        self.detector.detach(feed.name)
        feed.close(reason)
        del self._feeds[feed.name]
        self.metrics.feeds.labels(feed.kind).dec()

    async def _tick(self) -> None:
        for second in itertools.count(1):
            await asyncio.sleep(1)
            if second % GIVE_BACK_EVERY_S == 0:
                await asyncio.to_thread(give_back)
            for feed in list(self._feeds.values()):
                try:
                    feed.tick()
                except Exception:  # a fault at one feed must not leave the events of all others open for ever
                    log.exception("the figures of feed %s cannot be told", feed.name)
            states = [camera.feed.state for camera in self._cameras.values()]
            for state in FeedState:
                self.metrics.cameras.labels(state).set(states.count(state))


def _same(given: str, kept: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), kept.encode())  # a header may hold any bytes
