"""Tells an MQTT broker of events, and shows there how each camera stands: one connection, kept up by itself."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Self, cast

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ..config import MqttSettings, Settings
from ..core.backoff import Backoff
from ..plugins import Alert, CameraCondition, Channel, Outcome, PluginError, Receiver, Reply

log = logging.getLogger(__name__)
wire_log = logging.getLogger(f"{__name__}.wire")
"""What the libraries say of a connection that fails; we say it once and in words."""
wire_log.setLevel(logging.CRITICAL)

ANSWER_S = 15.0
"""How long the broker may take to acknowledge a message."""

CONNECT_S = 5.0
"""How long it may take to accept a connection, and again to accept the client."""

KEEP_ALIVE_S = 15
"""A broker that is silent for twice as long is lost; a client that is for one and a half, and its last will is done."""

GOODBYE_S = 2.0
TURNS = 100
"""Of the loop, in which the end of a socket is read: two would do."""

ONLINE, OFFLINE = b"online", b"offline"
AT_LEAST_ONCE = 1
HEADROOM = 500
"""Bytes of a message besides its topic and its payload, generously."""

MOST_AT_A_TIME = 20
"""Messages that wait for an acknowledgement. A broker may ask for fewer, and cut off who sends more."""

BROKEN = 0x80
REASONS = {
    BROKEN: "the connection broke off",
    0x84: "it does not speak version 5 of MQTT",
    0x85: "it refuses the client id",
    0x86: "it refuses this user name and password",
    0x87: "it refuses this user name and password, or what they may do",
    0x8E: "another client has connected with the same mqtt.client_id",
}


class Refused(Exception):
    """The broker took a message and said no; the message says why."""


class TooLarge(Refused):
    """The broker takes no message of this size; the message says what it does take."""


class TidySocket(ssl.SSLSocket):
    """Closed when no encrypted connection comes about; paho leaves that to chance."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class Link(aiomqtt.Client):
    """One connection to the broker. ``changed`` is called when it is lost.

    Its parent takes every acknowledgement for a yes, waits for one though the connection is gone, and leaves the socket
    of a silent broker open. So this reaches into it, and into paho below it; tests with a real broker watch that.
    """

    def __init__(self, *arguments: Any, changed: Callable[[], None], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.lost: str | None = None
        """Why there is no connection any more."""
        self._changed = changed
        self._goodbye = ""
        self._most_bytes: int | None = None
        self._room = asyncio.Semaphore(MOST_AT_A_TIME)
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Connect; raises :class:`aiomqtt.MqttError`."""
        try:
            await super().__aenter__()
            if self._goodbye:
                raise aiomqtt.MqttError(self._goodbye)
        except BaseException:
            await self._end()
            raise
        self._watching = asyncio.create_task(self._watch(), name="mqtt connection")
        return self

    async def __aexit__(self, *error: Any) -> None:
        try:
            await super().__aexit__(*error)
        finally:
            await self._end()
            if self._watching:
                await self._watching

    async def tell(
        self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties | None = None
    ) -> None:
        """Publish and wait for the acknowledgement. Raises :class:`Refused`, or :class:`aiomqtt.MqttError` when the
        connection was lost before it came."""
        if self._most_bytes and len(payload) + len(topic) + HEADROOM > self._most_bytes:
            raise TooLarge(f"it takes {self._most_bytes} bytes at the most")  # and would cut off who sends more
        try:
            async with asyncio.timeout(ANSWER_S), self._room:
                await self._publish(topic, payload, retain, properties)
        except TimeoutError:
            # It may not be sent again on the same connection, and a broker that is so slow is of no use.
            self.cut()
            raise aiomqtt.MqttError(f"no acknowledgement within {ANSWER_S:g} s") from None

    async def _publish(self, topic: str, payload: bytes, retain: bool, properties: Properties | None) -> None:
        if self.lost:
            raise aiomqtt.MqttError(self.lost)
        sent = self._client.publish(topic, payload, AT_LEAST_ONCE, retain, properties)
        if sent.rc:
            raise aiomqtt.MqttError(REASONS[BROKEN])
        answer = self._answers[sent.mid] = asyncio.get_running_loop().create_future()
        try:
            await answer
        finally:
            self._answers.pop(sent.mid, None)

    def cut(self) -> None:
        """End the connection without a goodbye. A second time does nothing."""
        if open_socket := cast("socket.socket | None", self._client.socket()):
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)  # the loop then reads its end, and paho closes it

    async def _end(self) -> None:
        self.cut()
        for _ in range(TURNS):
            if not self._client.socket():
                return
            await asyncio.sleep(0)

    async def _watch(self) -> None:
        try:
            async for _ in self.messages:  # none comes, for nothing is subscribed to; but the end does
                pass
        except aiomqtt.MqttError as error:
            self.lost = self._goodbye or in_words(error.__cause__ or error)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(aiomqtt.MqttError(self.lost))
        self._changed()

    def _client_connect(self) -> None:
        """Runs in a thread, which it may hold up for :data:`CONNECT_S` for each address of the host."""
        self._client.connect_timeout = CONNECT_S
        try:
            super()._client_connect()
        except (OSError, ValueError) as error:
            raise aiomqtt.MqttError(unreachable(error)) from error

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None) -> None:
        self._most_bytes = getattr(properties, "MaximumPacketSize", None)
        self._room = asyncio.Semaphore(min(getattr(properties, "ReceiveMaximum", MOST_AT_A_TIME), MOST_AT_A_TIME))
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None) -> None:
        self._goodbye = in_words(aiomqtt.MqttCodeError(reason_code))
        if self._watching:  # else it came before anybody listens for it
            super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any) -> None:
        answer = self._answers.get(mid)
        if answer and not answer.done():
            if reason_code.is_failure:
                answer.set_exception(Refused(str(reason_code)))
            else:
                answer.set_result(None)


class MqttChannel:
    """The channel of a running server: :meth:`run` is the task that keeps the connection up."""

    def __init__(self, settings: MqttSettings, tls: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._tls = tls
        self._link: Link | None = None
        self._why = "no try yet"
        self._tried = asyncio.Event()
        """Not set while the broker is being connected to, or is to be at once."""
        self._wanted = asyncio.Event()
        """The next try is not to be waited for."""
        self._states: dict[str, bytes] = {}
        """What is shown of each camera; nothing of one that is gone. Those stay here: a broker that comes back may
        remember them."""
        self._unsent: set[str] = set()
        self._changed = asyncio.Event()
        self._closing = False

    async def send(self, receiver: Receiver, alert: Alert) -> Reply:
        """Publish, and wait for the broker to acknowledge it."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = "application/json"
        properties.UserProperty = [("webhook-id", alert.id), ("type", alert.type)]
        link = await self._connected()
        if not link:
            return Reply(Outcome.FAILED, error=f"not connected to the MQTT broker: {self._why}")
        try:
            await link.tell(self._topic(*_about(alert)), alert.body, properties=properties)
        except TooLarge as error:
            return Reply(Outcome.REFUSED, error=f"it is too large for the MQTT broker: {error}")
        except Refused as error:
            return Reply(Outcome.FAILED, error=f"the MQTT broker refused it: {error}")
        except aiomqtt.MqttError as error:
            return Reply(Outcome.FAILED, error=f"the MQTT broker did not acknowledge it: {error}")
        return Reply(Outcome.DELIVERED)

    async def show(self, condition: CameraCondition | None, camera: str) -> None:
        """Show it as soon as there is a connection; the newest wins."""
        shown = b""
        if condition:
            fields = {"state": condition.state, "suspicion": condition.suspicion, "event": condition.event}
            shown = json.dumps(fields).encode()
        if self._states.get(camera) != shown:
            self._states[camera] = shown
            self._unsent.add(camera)
            self._changed.set()

    def close(self) -> None:
        """Let :meth:`run` say goodbye and end."""
        self._closing = True
        self._changed.set()
        self._wanted.set()

    async def run(self) -> None:
        """Connect, show the cameras, and again when the connection is lost, until :meth:`close`."""
        backoff = Backoff()
        clock = asyncio.get_running_loop().time
        while not self._closing:
            self._tried.clear()
            connected_at: float | None = None
            try:
                async with self._new_link() as link:
                    connected_at = clock()
                    await self._use(link)
            except aiomqtt.MqttError as error:
                self._lost(in_words(error))
            except Exception:
                log.exception("The MQTT channel failed")
                self._lost("a fault of its own")
            finally:
                self._link = None
                self._tried.set()
            if connected_at is not None:
                backoff.lived(clock() - connected_at)
            await self._pause(backoff.next(random.random()))

    async def _connected(self) -> Link | None:
        """The connection. Where there is none it is tried for at once, and the end of that try awaited."""
        if not self._link and not self._closing:
            if self._tried.is_set():
                self._tried.clear()
                self._wanted.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(2 * CONNECT_S):
                    await self._tried.wait()
        return self._link

    def _new_link(self) -> Link:
        host, port = self._settings.address
        password = self._settings.password
        return Link(
            host, port, username=self._settings.username, password=password and password.get_secret_value(),
            identifier=self._settings.client_id or f"vigie-{socket.gethostname()}", tls_context=self._tls,
            protocol=aiomqtt.ProtocolVersion.V5, timeout=CONNECT_S, keepalive=KEEP_ALIVE_S, logger=wire_log,
            will=aiomqtt.Will(self._topic("status"), OFFLINE, AT_LEAST_ONCE, retain=True), changed=self._changed.set,
        )  # fmt: skip

    async def _use(self, link: Link) -> None:
        log.info("Connected to the MQTT broker %s:%d", *self._settings.address)
        self._why = ""
        self._link = link
        self._tried.set()
        self._unsent = set(self._states)  # the broker may remember nothing
        await self._show_changes(link)
        await self._show(link, "status", shown=ONLINE)
        while not (self._closing or link.lost):
            self._changed.clear()
            await self._show_changes(link)
            await self._changed.wait()
        if link.lost:
            raise aiomqtt.MqttError(link.lost)
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._show(link, "status", shown=OFFLINE)

    async def _show_changes(self, link: Link) -> None:
        while self._unsent:
            cameras, self._unsent = self._unsent, set()
            await asyncio.gather(
                *(self._show(link, "cameras", camera, "state", shown=self._states[camera]) for camera in cameras)
            )

    async def _show(self, link: Link, *names: str, shown: bytes) -> None:
        topic = self._topic(*names)
        try:
            await link.tell(topic, shown, retain=True)
        except Refused as error:
            log.warning("The MQTT broker refused %s: %s", topic, error)

    def _topic(self, *names: str) -> str:
        return "/".join([self._settings.prefix, *(level(name) for name in names)])

    def _lost(self, why: str) -> None:
        if why != self._why and not self._closing:
            log.warning("No MQTT broker at %s:%d: %s", *self._settings.address, why)
        self._why = why

    async def _pause(self, seconds: float) -> None:
        """Wait for so long, unless there is an alert to be sent, or the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0 if self._closing else seconds):
                await self._wanted.wait()
        self._wanted.clear()


def _about(alert: Alert) -> tuple[str, ...]:
    """The topic of an alert, below the prefix."""
    if alert.camera is not None:
        return ("cameras", alert.camera, "events")
    return ("test",) if alert.type == "test" else ("events",)  # some events are about no camera


def level(name: str) -> str:
    """A name as one level of a topic: nothing in it divides levels, stands for others, or may not be in a topic."""
    return re.sub(r"[+#/\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", "_", name) or "_"


def unreachable(error: OSError | ValueError) -> str:
    """Why there is no connection to the broker, for people."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is refused: {error.verify_message.rstrip('.')}"
        case ssl.SSLError():
            return f"no encrypted connection: {(error.reason or 'it broke off').replace('_', ' ').lower()}"
        case TimeoutError():
            return f"no connection within {CONNECT_S:g} s"
        case ConnectionRefusedError():
            return "nothing listens at this address and port"
        case ConnectionError():
            return REASONS[BROKEN]
        case socket.gaierror():
            return "its host name is not known"
        case ValueError():
            return "no host can have this name"
    return "there is no way to this address"


def in_words(error: BaseException) -> str:
    """Why the broker cannot be used, for people."""
    if isinstance(error, aiomqtt.MqttCodeError) and isinstance(error.rc, ReasonCode):
        return REASONS.get(error.rc.value, str(error.rc))
    said = str(error)
    return "it accepts connections, but does not speak MQTT" if said == "Operation timed out" else said


@asynccontextmanager
async def open_channel(settings: Settings) -> AsyncIterator[Channel]:
    """The channel to the broker of ``settings.mqtt``. It need not be there yet."""
    mqtt = settings.mqtt
    if not mqtt.url:
        raise PluginError("There is no MQTT broker: set mqtt.url.")
    tls = None
    if mqtt.encrypted:
        try:
            tls = ssl.create_default_context(cafile=mqtt.ca_file)
            tls.sslsocket_class = TidySocket
        except OSError as error:
            raise PluginError(f"mqtt.ca_file cannot be used: {error.strerror or error}.") from error
    channel = MqttChannel(mqtt, tls)
    running = asyncio.create_task(channel.run(), name="mqtt")
    try:
        yield channel
    finally:
        channel.close()
        await running
