"""What the demonstration's caller and operator say, and the sound files of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ivr.telephony.speaking import RATE, Voice, speak, write_wav

CALLER_VOICE = "cmn-latn-pinyin+m3"
OPERATOR_VOICE = "cmn-latn-pinyin+f2"
CALLER_NUMBER = "13895112348"
IMPATIENT_NUMBER = "13995001122"

# Digits and words as the tiny model knows them; a real model needs no such care.
DIALOGUE: tuple[tuple[Literal["caller", "operator"], str], ...] = (
    ("operator", "您好请问您想咨询什么问题"),
    ("caller", "你好我想咨询一下劳动争议的事情"),
    ("caller", "老板拖欠工资三个月了不给钱"),
    ("operator", "请问您的姓名和电话"),
    ("caller", "我叫马建国我家住在兴泾镇泾华村"),
    ("caller", "我的电话是幺三八九五幺幺二三四八"),
    ("operator", "好的已经登记请等我们电话回访"),
    ("caller", "好的谢谢再见"),
)

_TAIL_S = 45


@dataclass(frozen=True, slots=True)
class Line:
    """One spoken line: its text, its file (followed by silence, because a file's end would end the call), its length."""

    speaker: Literal["caller", "operator"]
    text: str
    wav: Path
    seconds: float


def write_silence(target: Path, seconds: int = 600) -> Path:
    """A file of silence: what a phone sends while nobody speaks."""
    target.parent.mkdir(parents=True, exist_ok=True)
    write_wav(target, np.zeros(RATE * seconds, dtype=np.int16))
    return target


def speak_dialogue(folder: Path) -> list[Line]:
    """Every line as a WAV. Blocking: espeak-ng is a program."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, (speaker, text) in enumerate(DIALOGUE):
        sound = speak(text, Voice(CALLER_VOICE if speaker == "caller" else OPERATOR_VOICE))
        wav = folder / f"{number:02}-{speaker}.wav"
        write_wav(wav, np.concatenate([sound, np.zeros(RATE * _TAIL_S, dtype=np.int16)]))
        lines.append(Line(speaker, text, wav, len(sound) / RATE))
    return lines
