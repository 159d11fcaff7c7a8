"""The same words, louder: a gain, and peaks that bend below full scale instead of being cut off."""

from __future__ import annotations

import hashlib
import wave
from pathlib import Path

import numpy as np

from ivr.domain.errors import BadSetting
from ivr.telephony.speaking import write_wav

_BENDS = 0.8
_ROOM = 0.18  # what is above _BENDS ends below 0.98 of full scale


def raise_level(source: Path, target: Path, db: float) -> None:
    """Write ``source`` (8 kHz, 16 bit, mono) by ``db`` louder, unless that was done already; BadSetting outside 0 to 12 dB."""
    if not 0 <= db <= 12:
        raise BadSetting(f"louder_db must be 0 to 12, not {db:g}: beyond it words are bent out of shape")
    target.parent.mkdir(parents=True, exist_ok=True)
    mark = target.with_name(f".{target.name}.sha256")
    wanted = f"{db:g} {hashlib.sha256(source.read_bytes()).hexdigest()}"
    if target.is_file() and mark.is_file() and mark.read_text() == wanted:
        return
    with wave.open(str(source)) as wav:
        sound = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").astype(np.float64) / 32768 * 10 ** (db / 20)
    size = np.abs(sound)
    bent = np.where(size > _BENDS, _BENDS + _ROOM * np.tanh((size - _BENDS) / _ROOM), size)
    write_wav(target, np.asarray(np.sign(sound) * bent * 32767, dtype=np.int16))
    mark.write_text(wanted)
