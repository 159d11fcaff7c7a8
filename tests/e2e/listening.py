"""What a phone or a recording holds of a known line, by correlation of its half seconds."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np

from ivr.demo.phone import ScriptedPhone
from ivr.domain.errors import AudioUnreadable
from ivr.telephony.speaking import RATE
from tests.e2e.hotline import RunningHotline
from tests.fakes.sound import samples_of


def correlation(sound: Any, wanted: Any) -> float:
    """The greatest normalised correlation of a piece with a longer sound: 1 for the piece itself."""
    size = 1 << (len(sound) + len(wanted)).bit_length()
    match = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(wanted, size)))[: len(sound) - len(wanted) + 1]
    power = np.cumsum(np.concatenate([[0.0], sound**2]))
    energy = np.sqrt(np.maximum(power[len(wanted) :] - power[: -len(wanted)], 1.0)) * np.sqrt((wanted**2).sum())
    return float((match / energy[: len(match)]).max())


def share_heard(sound: Path, said: Path, seconds: float | None = None) -> float:
    """Which share of a line's half seconds is in a recording; by pieces, because a lost packet shifts what follows."""
    try:
        heard, line = samples_of(sound).astype(float), samples_of(said).astype(float)
    except AudioUnreadable:  # the phone has not written its header yet
        return 0.0
    line = line[: int(seconds * RATE)] if seconds else line
    pieces = [line[at : at + RATE // 2] for at in range(0, len(line) - RATE // 2 + 1, RATE // 2)]
    loud = [p for p in pieces if np.abs(p).mean() > np.abs(line).mean() / 3]
    if len(heard) < RATE // 2:
        return 0.0
    return sum(correlation(heard, piece) > 0.7 for piece in loud) / len(loud)


async def hears_prompt(hotline: RunningHotline, phone: ScriptedPhone, name: str, within_s: float = 20) -> None:
    """Until a prompt was heard by a phone that keeps its sound."""
    async with asyncio.timeout(within_s):
        while not any(share_heard(p, hotline.folder / f"state/run/prompts/{name}.wav") > 0.6 for p in phone.heard() if "dec" in p.name):
            await asyncio.sleep(0.5)
