"""Answers Asterisk's questions during a call: a FastAGI server that sets channel variables and does nothing else.

The dialplan collects keys, asks, and goes on by what the variables say; when nobody answers, or not in time, the
variables stay empty and it leads to a human. Nothing a caller or another program sends is ever sent back: names and
values are checked against a narrow alphabet, because junk on this wire has crashed Asterisk itself
(asterisk/asterisk#2069). The server listens on loopback alone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from ivr.domain.errors import Unavailable
from ivr.telephony.loopback_server import LoopbackServer

log = structlog.get_logger(__name__)

_LONGEST_LINE = 1024
_MOST_LINES = 100
_MOST_UNASKED = 4
_NAME = re.compile(r"[A-Z][A-Z_]{0,30}")
_VALUE = re.compile(r"[A-Za-z0-9/&_-]{0,500}")


@dataclass(frozen=True, slots=True)
class Question:
    """What the dialplan asks: the script's name, its arguments as they came, and the call's id. Trust none of them."""

    name: str
    arguments: tuple[str, ...] = ()
    unique_id: str = ""

    def argument(self, place: int) -> str:
        """The argument at this place, from 0; '' when it was not sent."""
        return self.arguments[place] if place < len(self.arguments) else ""


Responder = Callable[[Question], Awaitable[Mapping[str, str]]]
"""Answers one question with the channel variables to set, in order; may raise, then nothing is set."""


class BadQuestion(ValueError):
    """What came is no question: too long, too many lines, or ended early."""


class FastAgiServer:
    """Serves ``responders`` by script name on 127.0.0.1:``port``, each within ``within_s``, ``most_at_once`` at a time."""

    def __init__(
        self, port: int, responders: Mapping[str, Responder], *, within_s: float = 3.0, most_at_once: int = 128
    ) -> None:
        self._responders = dict(responders)
        self._within_s = within_s
        self._server = LoopbackServer("fastagi", port, self._converse, most_at_once=most_at_once, buffer=_LONGEST_LINE, backlog=256)

    @property
    def listening(self) -> asyncio.Event:
        """Set once Asterisk can connect."""
        return self._server.listening

    async def run(self) -> None:
        """Ends only when cancelled, and ends what is in hand with it."""
        await self._server.run()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._within_s):
                question = await _read_question(reader)
                responder = self._responders.get(question.name)
                if responder is None:
                    log.warning("question_unknown", name=question.name[:40])
                    return
                commands = [_command(name, value) for name, value in (await responder(question)).items()]
                for command in commands:
                    writer.write(command)
                    await writer.drain()
                    await _read_reply(reader)
        except BadQuestion as wrong:
            log.info("question_not_understood", reason=str(wrong))
        except (TimeoutError, OSError, Unavailable) as late:
            log.warning("question_not_answered", reason=str(late) or "too late")
        except Exception as failed:
            # One question that cannot be answered must not end the others; its caller reaches a human.
            log.error("question_failed", reason=f"{type(failed).__name__}: {failed}")


def _command(name: str, value: str) -> bytes:
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError(f"the answer {name}={value[:40]!r} cannot be sent to Asterisk")
    return f'SET VARIABLE {name} "{value}"\n'.encode("ascii")


async def _read_line(reader: asyncio.StreamReader) -> str:
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        raise BadQuestion("the connection was closed") from None
    except asyncio.LimitOverrunError:
        raise BadQuestion(f"a line is longer than {_LONGEST_LINE} bytes") from None
    return line.decode("utf-8", "replace").rstrip("\r\n")


async def _read_question(reader: asyncio.StreamReader) -> Question:
    """The head Asterisk sends: ``agi_…: value`` lines up to an empty one. Raises BadQuestion."""
    told: dict[str, str] = {}
    for _ in range(_MOST_LINES):
        line = await _read_line(reader)
        if not line:
            break
        name, _, value = line.partition(":")
        told.setdefault(name, value.strip())
    else:
        raise BadQuestion(f"the head is longer than {_MOST_LINES} lines")
    if "agi_network_script" not in told:
        raise BadQuestion("no agi_network_script was sent")
    arguments: list[str] = []
    while (argument := told.get(f"agi_arg_{len(arguments) + 1}")) is not None:
        arguments.append(argument)
    return Question(told["agi_network_script"], tuple(arguments), told.get("agi_uniqueid", ""))


async def _read_reply(reader: asyncio.StreamReader) -> None:
    """Return at ``200 …``; HANGUP may be told in between. Raises BadQuestion for anything else."""
    for _ in range(_MOST_UNASKED):
        line = await _read_line(reader)
        if line.startswith("200 "):
            return
        if line != "HANGUP":
            break
    raise BadQuestion("Asterisk did not take the answer")
