"""espeak-ng through its C library: text to sound, with the sample at which every phoneme begins.

The command line prints no phoneme times for Mandarin; the library's events carry them, so frame labels come free. The
library keeps global state: one process, one synthesiser.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Plain "cmn" turns characters into pinyin and then reads the pinyin as English on Debian 12.
MANDARIN = "cmn-latn-pinyin"

_SYNCHRONOUS, _PHONEME_EVENTS, _CHARS_UTF8 = 2, 1, 1
_EVENT_END, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_RATE, _PITCH, _RANGE = 1, 3, 4


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _EventId),
    ]  # fmt: skip


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class Phoneme:
    """espeak's name of a phoneme (pauses begin with ``_``) and the sample it begins at."""

    name: str
    sample: int


@dataclass(frozen=True, slots=True)
class Speech:
    """int16 samples of one voice at ``rate`` Hz; ``words`` holds the phonemes of every spoken word in order."""

    samples: NDArray[np.int16]
    rate: int
    words: list[list[Phoneme]]


class Synthesiser:
    """Raises OSError when libespeak-ng1 is not installed."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self._rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS))
        if self._rate <= 0:
            raise OSError("espeak-ng finds no voices: install espeak-ng-data")
        self._library.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
            ctypes.POINTER(ctypes.c_uint), ctypes.c_void_p,
        ]  # fmt: skip
        self._callback = _Callback(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)
        self._voice = ""
        self._pieces: list[NDArray[np.int16]] = []
        self._words: list[list[Phoneme]] = []

    def say(self, text: str, variant: str = "", *, speed: int = 175, pitch: int = 50, pitch_range: int = 50) -> Speech:
        """Speak hanzi or spaced pinyin with tone digits; ``variant`` is a voice such as ``+f2``, speed words a minute."""
        if MANDARIN + variant != self._voice:
            self._voice = MANDARIN + variant
            if self._library.espeak_SetVoiceByName(self._voice.encode()):
                raise ValueError(f"espeak-ng has no voice {self._voice}")
        for parameter, value in ((_RATE, speed), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, int(value), 0)
        self._pieces, self._words = [], []
        raw = text.encode() + b"\0"
        if self._library.espeak_Synth(raw, len(raw), 0, 1, 0, _CHARS_UTF8, None, None):
            raise OSError(f"espeak-ng cannot say {text!r}")
        self._library.espeak_Synchronize()
        samples = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)
        return Speech(samples, self._rate, self._words)

    def _receive(self, sound: Any, count: int, events: Any) -> int:
        if sound and count > 0:
            self._pieces.append(np.ctypeslib.as_array(sound, shape=(count,)).copy())
        index = 0
        while events[index].type != _EVENT_END:
            event = events[index]
            if event.type == _EVENT_WORD:
                self._words.append([])
            elif event.type == _EVENT_PHONEME and self._words:
                self._words[-1].append(Phoneme(event.id.string.decode("utf-8", "replace"), event.sample))
            index += 1
        return 0
