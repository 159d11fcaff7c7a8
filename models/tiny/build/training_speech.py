"""One shard of training data: ``python training_speech.py OUT.npz UTTERANCES SEED [--unheard]``.

Random syllables, dictionary phrases and digits are spoken by some sixty voices of espeak-ng and sent through a
telephone line. The synthesiser says when each sound begins, so every 30 ms output of the net has its label without
any alignment. The file holds features X (float16, all frames one after another), labels Y and frame counts L.
``--unheard`` speaks with the voices kept for measuring (a dev shard).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import features
import numpy as np
import phone_inventory as phones
from numpy.typing import NDArray
from pronunciations import syllables_with_tones
from pypinyin.contrib.tone_convert import to_tone3
from pypinyin.phrases_dict import phrases_dict
from synthesiser import Phoneme, Speech, Synthesiser
from telephone_channel import LINE_HZ, nobody_speaks, through_the_line, to_line_rate

MAIN_VOICES = ["", "+m1", "+m2", "+m3", "+m4", "+m6", "+m7", "+f1", "+f3", "+f4"]
DEV_VOICES = ["+m5", "+m8", "+f2", "+f5"]
# "rob" makes libespeak-ng 1.51 crash after some utterances, "whisper" is beyond recognition: both are left out.
OTHER_VOICES = [
    f"+{name}"
    for name in (
        "Alex Andy Alicia Andrea Annie Denis Diogo Hugo Jacky Lee Marco Mario Michael Mike adam anika antonio aunty "
        "belinda benjamin boris caleb david ed edward gustave iven john linda marcelo max michel miguel norbert pablo "
        "paul pedro quincy robert sandro shelby steph travis victor zac grandma grandpa Gene Henrique kaukovalta"
    ).split()
]
DIGITS = "ling2 yi1 yao1 er4 liang3 san1 si4 wu3 liu4 qi1 ba1 jiu3 shi2 bai3 qian1 wan4".split()
HESITATION = "嗯"  # a syllabic ng, which no pinyin syllable has
_SHORT_PAUSE_S = 0.07
_ONSET_SHARE = 0.4  # of a syllable without initial, whose sound is one phoneme for espeak

Mark = tuple[float, str]  # second at which a sound begins


class Speaker:
    """Makes up utterances and has them spoken; everything random comes from one seed."""

    def __init__(self, seed: int, voices: str) -> None:
        self._draw = np.random.default_rng(seed)
        self._unheard = voices == "dev"
        self._synthesiser = Synthesiser()
        self._forms = sorted(syllables_with_tones().items())
        self._phrases = _dictionary_phrases()

    def utterance(self) -> tuple[NDArray[np.float32], NDArray[np.int16]] | None:
        """(features, labels) of a new utterance; None when espeak divided it into other syllables than were given."""
        draw = self._draw
        clauses = [self._clause() for _ in range(draw.integers(1, 4))]
        syllables = ["eng" if s == HESITATION else s[:-1] for clause in clauses for s in clause]
        speech = self._synthesiser.say(
            ", ".join(" ".join(clause) for clause in clauses), self._voice(), speed=int(draw.integers(110, 261)),
            pitch=int(draw.integers(15, 86)), pitch_range=int(draw.integers(20, 90)),
        )  # fmt: skip
        marks = sound_marks(speech, syllables)
        if marks is None:
            return None
        lead, tail = (int(draw.uniform(0.02, 1.0) * LINE_HZ) for _ in range(2))
        voice = np.concatenate([np.zeros(lead), to_line_rate(speech.samples, speech.rate), np.zeros(tail)])
        frames = features.mfcc(through_the_line(voice, draw))
        end_s = (lead / LINE_HZ) + len(speech.samples) / speech.rate
        labels = frame_labels([(at + lead / LINE_HZ, s) for at, s in marks], end_s, outputs_of(len(frames)))
        return None if labels is None else (frames, labels)

    def silence(self) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
        """One to four seconds in which nobody speaks."""
        frames = features.mfcc(nobody_speaks(self._draw, int(self._draw.uniform(1, 4) * LINE_HZ)))
        return frames, np.zeros(outputs_of(len(frames)), np.int16)

    def _clause(self) -> list[str]:
        draw = self._draw
        clause = [HESITATION] if draw.random() < 0.06 else []
        while len(clause) < draw.integers(2, 10):
            kind = draw.random()
            if kind < 0.08 and clause:  # the same syllable twice, as in phone numbers
                clause.append(clause[-1])
            elif kind < 0.2:
                clause.append(DIGITS[draw.integers(len(DIGITS))])
            elif kind < 0.6:
                clause += self._phrases[draw.integers(len(self._phrases))]
            else:
                forms = self._forms[draw.integers(len(self._forms))][1]
                clause.append(forms[draw.integers(len(forms))])
        return clause

    def _voice(self) -> str:
        draw = self._draw
        if self._unheard or draw.random() < 0.1:
            return DEV_VOICES[draw.integers(len(DEV_VOICES))]
        pool = MAIN_VOICES if draw.random() < 0.5 else MAIN_VOICES + OTHER_VOICES
        return pool[draw.integers(len(pool))]


def _dictionary_phrases() -> list[list[str]]:
    phrases = []
    for word, readings in sorted(phrases_dict.items()):
        if 2 <= len(word) <= 6 and len(readings) == len(word):
            spelled = [to_tone3(r[0], neutral_tone_with_five=True).replace("ü", "v") for r in readings]
            if all(phones.split_syllable(s[:-1]) for s in spelled):
                phrases.append(spelled)
    return phrases


def outputs_of(frames: int) -> int:
    """How many outputs the net gives for so many 10 ms frames."""
    return (frames + features.OUTPUT_EVERY - 1) // features.OUTPUT_EVERY


def sound_marks(speech: Speech, syllables: list[str]) -> list[Mark] | None:
    """When each sound begins, pauses included; None when espeak's words are not our syllables."""
    spoken = [word for word in speech.words if any(not p.name.startswith("_") for p in word)]
    if len(spoken) != len(syllables):
        return None
    marks: list[Mark] = []
    for number, (word, syllable) in enumerate(zip(spoken, syllables, strict=True)):
        voiced = [p.sample for p in word if not p.name.startswith("_")]
        pauses = [p.sample for p in word if p.name.startswith("_") and p.sample >= voiced[-1]]
        initial, final = phones.split_syllable(syllable) or ("", "")
        if initial == "q0":
            end = _end_of(word, pauses, spoken[number + 1 :], speech)
            voiced = [voiced[0], voiced[0] + int(_ONSET_SHARE * (end - voiced[0]))]
        elif len(voiced) < 2:
            return None
        marks += [(voiced[0] / speech.rate, initial), (voiced[1] / speech.rate, final)]
        if pauses:
            marks.append((pauses[0] / speech.rate, phones.SILENCE))
    return _without_short_pauses(marks)


def _end_of(word: list[Phoneme], pauses: list[int], later: list[list[Phoneme]], speech: Speech) -> int:
    if pauses:
        return pauses[0]
    return later[0][0].sample if later else len(speech.samples)


def _without_short_pauses(marks: list[Mark]) -> list[Mark]:
    """espeak's shortest pauses are closures between syllables: half goes to each neighbour."""
    kept: list[Mark] = []
    start = None
    for (at, sound), following in zip(marks, [*marks[1:], None], strict=True):
        if sound == phones.SILENCE and following is not None and following[0] - at < _SHORT_PAUSE_S:
            start = (at + following[0]) / 2
            continue
        kept.append((at if start is None else start, sound))
        start = None
    return kept


def frame_labels(marks: list[Mark], end_s: float, outputs: int) -> NDArray[np.int16] | None:
    """The class of every 30 ms output: onset in a sound's first one, sustain after; None when it does not fit."""
    if marks[-1][1] != phones.SILENCE:
        marks = [*marks, (end_s, phones.SILENCE)]
    step_s = features.FRAME_SHIFT_S * features.OUTPUT_EVERY
    starts = [int(np.ceil((at - 0.0125) / step_s - 1e-6)) for at, _ in marks]
    starts[0] = max(starts[0], 0)
    for i in range(1, len(starts)):  # every sound gets at least one output
        starts[i] = max(starts[i], starts[i - 1] + 1)
    if starts[-1] > outputs:
        return None
    labels = np.zeros(outputs, np.int16)
    for (_, sound), first, last in zip(marks, starts, [*starts[1:], outputs], strict=True):
        labels[first:last] = phones.sustain_class(sound)
        if first < last:
            labels[first] = phones.onset_class(sound)
    return labels


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("target", type=Path)
    arguments.add_argument("utterances", type=int)
    arguments.add_argument("seed", type=int)
    arguments.add_argument("--unheard", action="store_true")
    given = arguments.parse_args()
    speaker = Speaker(given.seed, "dev" if given.unheard else "all")
    made, rejected = [], 0
    while len(made) < given.utterances:
        utterance = speaker.utterance()
        if utterance is None:
            rejected += 1
        else:
            made.append(utterance)
    made += [speaker.silence() for _ in range(given.utterances // 25)]
    np.savez(
        given.target,
        X=np.concatenate([x for x, _ in made]).astype(np.float16),
        Y=np.concatenate([y for _, y in made]),
        L=np.array([len(x) for x, _ in made]),
    )
    hours = sum(len(x) for x, _ in made) * features.FRAME_SHIFT_S / 3600
    print(f"{given.target.name}: {len(made)} utterances, {hours:.2f} h, {rejected} rejected", flush=True)


if __name__ == "__main__":
    main()
