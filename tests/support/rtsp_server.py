"""A real RTSP server, GStreamer's, in a process of its own; see rtsp.py, which starts it with the system's Python.

It plays files of encoded pictures (encoded.py) again and again without encoding, so that many cameras cost little.
One command a line comes on standard input as JSON, one answer a line goes out; the end of the input ends the process.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

CHAINS = {
    "h264": "video/x-h264,stream-format=byte-stream,alignment=au ! rtph264pay",
    "hevc": "video/x-h265,stream-format=byte-stream,alignment=au ! rtph265pay",
    "mjpeg": "image/jpeg,framerate={rate}/1,width={width},height={height} ! rtpjpegpay",
    "alaw": "audio/x-alaw,rate=8000,channels=1 ! rtppcmapay",
}
SILENCE = bytes([0xD5]) * 160
"""20 ms of G.711 A-law."""


class Units:
    """A file of encoded.py: a line of JSON, then each unit behind its length."""

    def __init__(self, path: str) -> None:
        data = Path(path).read_bytes()
        end = data.index(b"\n")
        self.header = json.loads(data[:end])
        self.units: list[bytes] = []
        at = end + 1
        while at < len(data):
            size = int.from_bytes(data[at : at + 4], "big")
            self.units.append(data[at + 4 : at + 4 + size])
            at += 4 + size


class Mount:
    """What is played at one path, and how badly."""

    def __init__(self, command: dict[str, Any]) -> None:
        self.video = Units(command["units"]) if command.get("units") else None
        self.audio = command.get("audio", False)
        self.begun = time.monotonic()
        self.streams: list[Stream] = []
        self.frozen = False
        self.jumped_s = 0.0
        self.damaged = command.get("damaged", 0.0)

    def jump(self, seconds: float) -> None:
        """Set the clock forward; the sinks must not wait for the new time to come."""
        for stream in self.streams:
            stream.send_at_once()
        self.jumped_s += seconds

    def launch(self) -> str:
        """The pipeline, as gst-launch writes it."""
        kinds = ([("video", self.video.header["codec"])] if self.video else []) + (
            [("audio", "alaw")] if self.audio else []
        )
        chains = []
        for number, (name, codec) in enumerate(kinds):
            caps, payloader = CHAINS[codec].format(**(self.video.header if self.video else {})).split(" ! ")
            # What nobody takes between DESCRIBE and PLAY goes, oldest first.
            source = f"appsrc name={name} is-live=true format=time max-buffers=4 leaky-type=downstream"
            chains.append(f"{source} caps={caps} ! {payloader} name=pay{number} pt={96 + number}")
        return f"( {' '.join(chains)} )"


class Stream:
    """One track of one media that is being played."""

    def __init__(self, mount: Mount, source: Gst.Element, name: str) -> None:
        self.mount = mount
        self.source = source
        self.is_video = name == "video"
        self.over = False
        self._playing: Units | None = None
        self._index = 0
        self._chance = random.Random(1)

    def step_s(self) -> float:
        """Time from one unit to the next."""
        video = self.mount.video if self.is_video else None
        return 1 / video.header["rate"] if video else 0.02

    def push(self) -> None:
        """The next unit, if the pipeline runs."""
        clock, base = self.source.get_clock(), self.source.get_base_time()
        if clock is None or not base or self.mount.frozen:  # it gets its clock first and the time that begins at later
            return
        data = self._next()
        if data is None:
            return
        buffer = Gst.Buffer.new_wrapped(data)
        running = clock.get_time() - base
        buffer.pts = buffer.dts = running + int(self.mount.jumped_s * Gst.SECOND)
        buffer.duration = int(self.step_s() * Gst.SECOND)
        self.source.emit("push-buffer", buffer)

    def send_at_once(self) -> None:
        """Whatever the time written on it."""
        top = self.source
        while top.get_parent():
            top = top.get_parent()
        sinks = top.iterate_sinks()
        while (found := sinks.next())[0] == Gst.IteratorResult.OK:
            found[1].set_property("sync", False)

    def _next(self) -> bytes | None:
        if not self.is_video or self.mount.video is None:
            return SILENCE
        if self._playing is not self.mount.video:
            is_first, self._playing = self._playing is None, self.mount.video
            # As with a camera: who comes sees what is on, mostly in the middle of a group of pictures.
            self._index = int((time.monotonic() - self.mount.begun) / self.step_s()) if is_first else 0
        units = self._playing.units
        data = units[self._index % len(units)]
        self._index += 1
        if self._chance.random() < self.mount.damaged:
            return self._damage(data)
        return data

    def _damage(self, data: bytes) -> bytes | None:
        """A unit that is lost, or whose second half is noise."""
        if self._chance.random() < 0.5:
            return None
        half = len(data) // 2
        return data[:half] + self._chance.randbytes(len(data) - half)


class Player(threading.Thread):
    """Pushes the units of all streams at their times."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._due: list[tuple[float, int, Stream]] = []
        self._wake = threading.Condition()
        self._order = itertools.count()

    def add(self, stream: Stream) -> None:
        """Play this from now on."""
        with self._wake:
            heapq.heappush(self._due, (time.monotonic(), next(self._order), stream))
            self._wake.notify()

    def run(self) -> None:
        """In the thread."""
        while True:
            with self._wake:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._wake.wait(self._due[0][0] - time.monotonic() if self._due else None)
                at, order, stream = heapq.heappop(self._due)
                if stream.over:
                    continue
                heapq.heappush(self._due, (max(at + stream.step_s(), time.monotonic() - 1), order, stream))
            stream.push()


class Server:
    """The RTSP server and its mounts."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._mounts: dict[str, Mount] = {}
        self._player = Player()
        self._player.start()
        self._options = options
        self._rtsp = GstRtspServer.RTSPServer.new()
        self._rtsp.set_address(options.address)
        self._rtsp.set_service(str(options.port))
        self._credentials()
        if not self._rtsp.attach(None):
            sys.exit(f"port {options.port} is taken")
        GLib.timeout_add_seconds(2, self._sweep)

    def port(self) -> int:
        """Where it listens."""
        return int(self._rtsp.get_bound_port())

    def obey(self, command: dict[str, Any]) -> None:
        """One command."""
        path = command["path"]
        match command["do"]:
            case "mount":
                self._mounts[path] = Mount(command)
                self._rtsp.get_mount_points().add_factory(path, self._factory(self._mounts[path]))
            case "unmount":
                self._rtsp.get_mount_points().remove_factory(path)
            case "freeze":
                self._mounts[path].frozen = command["frozen"]
            case "switch":
                self._mounts[path].video = Units(command["units"])
            case "jump":
                self._mounts[path].jump(command["seconds"])
            case "damage":
                self._mounts[path].damaged = command["share"]

    def _factory(self, mount: Mount) -> GstRtspServer.RTSPMediaFactory:
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(mount.launch())
        factory.set_shared(False)  # shared media that its last client leaves takes a client that comes just then along
        factory.set_latency(0)
        if self._options.user:
            permissions = GstRtspServer.RTSPPermissions.new()
            for right in ("access", "construct"):
                permissions.add_permission_for_role("user", f"media.factory.{right}", True)
            factory.set_permissions(permissions)
        factory.connect("media-configure", self._configure, mount)
        return factory

    def _configure(self, _: object, media: GstRtspServer.RTSPMedia, mount: Mount) -> None:
        streams = []
        for name in ("video", "audio"):
            source = media.get_element().get_by_name(name)
            if source:
                streams.append(Stream(mount, source, name))
                self._player.add(streams[-1])
        mount.streams += streams

        def unprepared(_: object) -> None:
            for stream in streams:
                stream.over = True
                mount.streams.remove(stream)
            streams.clear()  # or they and the media keep each other

        media.connect("unprepared", unprepared)

    def _credentials(self) -> None:
        if not self._options.user:
            return
        user, password = self._options.user, self._options.password
        token = GstRtspServer.RTSPToken.new()
        token.set_string("media.factory.role", "user")
        auth = GstRtspServer.RTSPAuth.new()
        if self._options.digest:
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(user, password, token)
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        self._rtsp.set_auth(auth)

    def _sweep(self) -> bool:
        """Forget the sessions of clients that left without a word."""
        self._rtsp.get_session_pool().cleanup()
        return True


def main() -> None:
    """Serve until standard input ends."""
    options = argparse.ArgumentParser()
    options.add_argument("--address", default="127.0.0.1")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--user")
    options.add_argument("--password")
    options.add_argument("--digest", action="store_true")
    Gst.init(None)
    server = Server(options.parse_args())
    loop = GLib.MainLoop()
    threading.Thread(target=loop.run, daemon=True).start()
    print(json.dumps({"port": server.port()}), flush=True)
    for line in sys.stdin:
        server.obey(json.loads(line))
        print("{}", flush=True)


if __name__ == "__main__":
    main()
