"""How cameras stand, handed to channels that show it: of each camera the newest alone."""

from __future__ import annotations

import asyncio
import logging

from ..plugins import CameraCondition
from .channels import ChannelLost, Channels

log = logging.getLogger(__name__)

SHOW_S = 15.0
AGAIN_S = 5.0


class Conditions:
    """Keeps the newest condition of each camera and what each kind of channel was shown of it. ``run`` is its task."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._newest: dict[str, CameraCondition] = {}
        self._unshown: dict[str, dict[str, CameraCondition | None]] = {}
        self._changed = asyncio.Event()

    def put(self, camera: str, condition: CameraCondition | None) -> None:
        """A camera stands so now, or there is none of this name any more."""
        if condition == self._newest.get(camera):
            return
        if condition:
            self._newest[camera] = condition
        else:
            self._newest.pop(camera, None)
        for unshown in self._unshown.values():
            unshown[camera] = condition
        self._changed.set()

    def show_on(self, kinds: set[str]) -> None:
        """The kinds of channels that are in use. A new one is shown everything."""
        for kind in kinds - self._unshown.keys():
            self._unshown[kind] = dict(self._newest)
            self._changed.set()
        for kind in self._unshown.keys() - kinds:
            del self._unshown[kind]

    async def run(self) -> None:
        """Show what is new, as it comes, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            done = [await self._show(kind) for kind in tuple(self._unshown)]
            if not all(done):
                await asyncio.sleep(AGAIN_S)
                self._changed.set()

    async def _show(self, kind: str) -> bool:
        """Show one kind of channel what it was not shown; whether that is done."""
        while unshown := self._unshown.get(kind):
            camera, condition = next(iter(unshown.items()))
            del unshown[camera]
            try:
                async with asyncio.timeout(SHOW_S):
                    await (await self._channels.get(kind)).show(condition, camera)
            except (ChannelLost, TimeoutError) as error:
                log.debug("%s is not shown how camera %s stands: %s", kind, camera, error)
                unshown.setdefault(camera, condition)
                return False
            except Exception:
                log.exception("%s cannot show how camera %s stands", kind, camera)
        return True
