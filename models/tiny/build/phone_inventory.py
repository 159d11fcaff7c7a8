"""The sounds the model knows: initials and finals of pinyin without tones, numbered as Kaldi wants them.

Every syllable is two phones. Each phone has one HMM state with two classes ("pdfs"): its onset, which the transition
into it emits, and its sustain, which its self-loop emits. Phones carry their place in the word (_B _I _E _S); the
place does not change the sound, so all four share their classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SILENCE = "SIL"
INITIALS = "b p m f d t n l g k h j q x zh ch sh r z c s".split()
# Onsets of syllables written without an initial. q0 stands before a, an, er, yuan…: without it "er er" would be told
# from a long "er" by a single frame, and "二二" in a phone number would be heard as "二".
ZERO_INITIALS = ["y", "w", "yv", "q0"]
FINALS = (
    "a ai an ang ao e ei en eng er o ou ong i ia ian iang iao ie in ing io iong iou ir iz "
    "u ua uai uan uang uei uen ueng uo v van ve vn"
).split()

SOUNDS = [SILENCE, *INITIALS, *ZERO_INITIALS, *FINALS]
SOUND_NUMBER = {sound: number for number, sound in enumerate(SOUNDS)}
PHONES = [SILENCE] + [f"{sound}_{place}" for sound in SOUNDS[1:] for place in "BEIS"]
PHONE_ID = {phone: number for number, phone in enumerate(PHONES, start=1)}
SILENCE_ID = PHONE_ID[SILENCE]
NUM_CLASSES = 2 * len(SOUNDS) - 1

_WRITTEN_WITHOUT_INITIAL = {
    "yi": ("y", "i"), "yin": ("y", "in"), "ying": ("y", "ing"), "ya": ("y", "ia"), "yan": ("y", "ian"),
    "yang": ("y", "iang"), "yao": ("y", "iao"), "ye": ("y", "ie"), "yo": ("y", "io"), "you": ("y", "iou"),
    "yu": ("yv", "v"), "yun": ("yv", "vn"), "yong": ("q0", "iong"), "yuan": ("q0", "van"), "yue": ("q0", "ve"),
    "wu": ("w", "u"), "wa": ("w", "ua"), "wai": ("w", "uai"), "wan": ("w", "uan"), "wang": ("w", "uang"),
    "wei": ("w", "uei"), "wen": ("w", "uen"), "weng": ("w", "ueng"), "wo": ("w", "uo"),
}  # fmt: skip
_ABBREVIATED = {"iu": "iou", "ui": "uei", "un": "uen", "vng": "iong", "ue": "ve"}


def split_syllable(syllable: str) -> tuple[str, str] | None:
    """``zhuang`` → (``zh``, ``uang``), ``an`` → (``q0``, ``an``); None for what is no toneless pinyin syllable."""
    syllable = syllable.replace("ü", "v").replace("u:", "v")
    if syllable in _WRITTEN_WITHOUT_INITIAL:
        return _WRITTEN_WITHOUT_INITIAL[syllable]
    found = re.match(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcs])(.+)$", syllable)
    if found is None:
        return ("q0", syllable) if syllable in FINALS else None
    initial, final = found.groups()
    if initial in ("j", "q", "x") and final[0] == "u":
        final = "v" + final[1:]
    if final == "i" and initial in ("zh", "ch", "sh", "r"):
        final = "ir"
    elif final == "i" and initial in ("z", "c", "s"):
        final = "iz"
    final = _ABBREVIATED.get(final, final)
    return (initial, final) if final in FINALS else None


def onset_class(sound: str) -> int:
    """The class of a sound's first frame; silence has one class for everything."""
    return max(2 * SOUND_NUMBER[sound] - 1, 0)


def sustain_class(sound: str) -> int:
    return 2 * SOUND_NUMBER[sound]


def sound_of(phone_id: int) -> str:
    return PHONES[phone_id - 1].rsplit("_", 1)[0]


def self_loop_transition(phone_id: int) -> int:
    """Kaldi's transition ids: two per phone, the self-loop first because the topology lists it first."""
    return 2 * phone_id - 1


def forward_transition(phone_id: int) -> int:
    return 2 * phone_id


def phones_of_word(sounds: list[str]) -> list[int]:
    """Phone ids of a word's sounds, each marked with its place in the word."""
    if len(sounds) == 1:
        return [PHONE_ID[f"{sounds[0]}_S"]]
    places = ["B", *"I" * (len(sounds) - 2), "E"]
    return [PHONE_ID[f"{sound}_{place}"] for sound, place in zip(sounds, places, strict=True)]


def word_boundary_lines() -> Iterator[str]:
    """``graph/phones/word_boundary.int``: how Kaldi finds the ends of words."""
    kinds = {"B": "begin", "E": "end", "I": "internal", "S": "singleton"}
    yield f"{SILENCE_ID} nonword"
    for phone, number in PHONE_ID.items():
        if number != SILENCE_ID:
            yield f"{number} {kinds[phone[-1]]}"
