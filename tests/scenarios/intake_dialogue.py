"""Reads pasted dialogues into transcripts, and loads the shipped tables: shared by the intake tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import ivr.domain
from ivr.domain.code_tables import CodeTables, parse_code_table
from ivr.domain.places import Gazetteer, Place, parse_places
from ivr.domain.transcript import Segment, Speaker, Transcript, Word

TABLES = Path(ivr.domain.__file__).parent / "tables"
SPEAKERS: dict[str, Speaker] = {"来电": "caller", "坐席": "operator"}


def table_text(name: str) -> str:
    """A shipped table as text."""
    return (TABLES / name).read_text(encoding="utf-8")


@cache
def code_tables() -> CodeTables:
    """The shipped code table."""
    return CodeTables.of([parse_code_table("2026.1", table_text("codes-2026.1.csv"), table_text("cues-2026.1.csv"))])


@cache
def shipped_places() -> tuple[Place, ...]:
    """The shipped places, which must all be good rows."""
    file = parse_places(table_text("places-640105.csv"))
    assert not file.bad
    return file.places


@cache
def gazetteer() -> Gazetteer:
    """The shipped gazetteer."""
    return Gazetteer.of(shipped_places())


def dialogue(text: str, confidence: float = 1.0) -> Transcript:
    """``来电：…`` and ``坐席：…`` lines as a transcript: 0.25 s a character, 0.5 s between turns.

    Words are separated by spaces, as a recogniser gives them; a line without spaces is one word per character.
    A word may carry its own confidence after ``@``: ``三@0.3``.
    """
    segments: list[Segment] = []
    now = 0.0
    for line in text.strip().splitlines():
        speaker, _, said = line.strip().replace(":", "：", 1).partition("：")
        words: list[Word] = []
        for token in said.split() if " " in said.strip() else list(said.strip()):
            spoken, _, own = token.partition("@")
            words.append(Word(spoken, now, now + 0.25 * len(spoken), float(own) if own else confidence))
            now += 0.25 * len(spoken)
        segments.append(Segment(SPEAKERS[speaker], words[0].start_s, words[-1].end_s, tuple(words)))
        now += 0.5
    return Transcript.of("1764000000.1", segments)
