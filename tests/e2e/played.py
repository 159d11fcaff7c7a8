"""What each caller hears now, file by file, from Asterisk's own verbose log: also what a queue says itself, and parts of sentences."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from tests.e2e.hotline import RunningHotline
from tests.e2e.journeys import command


class Played:
    """The files that were begun on each channel, in order; one for each running product."""

    def __init__(self, running: RunningHotline) -> None:
        self._running = running
        self._file: Path = running.folder / "played.log"

    async def begin(self) -> Played:
        """Let Asterisk write down what it plays from now on."""
        await command(self._running, f"logger add channel {self._file} verbose(4)")
        return self

    async def channel_of(self, number: str) -> str:
        """The channel of the caller with this number."""
        async with asyncio.timeout(20):
            while True:
                for line in (await command(self._running, "core show channels concise")).splitlines():
                    if len(fields := line.split("!")) > 7 and fields[7] == number:
                        return fields[0]
                await asyncio.sleep(0.1)

    async def until(self, number: str, prompt: str, times: int = 1, within_s: float = 60) -> None:
        """Until this prompt was begun so many times for this caller, who is still on the line."""
        channel = await self.channel_of(number)
        wanted = re.compile(rf"<{re.escape(channel)}> Playing '(?:[^']*/)?{re.escape(prompt)}\.")
        async with asyncio.timeout(within_s):
            while len(wanted.findall(await asyncio.to_thread(self._text))) < times:
                await asyncio.sleep(0.03)

    def _text(self) -> str:
        return self._file.read_text(errors="replace") if self._file.exists() else ""
