"""Speak the prompts of the text manifest into 8 kHz WAV files, keeping every human recording that is supplied.

Three sets are made: the normal one, ``slow/`` for callers who asked to hear it again, and ``louder/``, the slow one raised, for
village phones. A prompt is spoken again only
when its text, voice, speed or speaking command changed. Blocking: call it from a thread or from the command line.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from ivr.domain.errors import BadSetting
from ivr.telephony.louder import raise_level
from ivr.telephony.prompt_sound import PromptSound, SoundLimits, complaints, measure
from ivr.telephony.speaking import ESPEAK, Voice, speak, write_wav

SLOW = "slow"
LOUDER = "louder"
_NEEDED = ("greeting", "notice", "not-recorded", "all-busy")


@dataclass(frozen=True, slots=True)
class PromptManifest:
    """What is said: version of the notice, voice, speeds, limits, the texts by name, and the pieces of spoken numbers."""

    version: str
    voice: str
    words_per_minute: int
    longest_greeting_s: float
    prompts: dict[str, str]
    numbers: dict[str, str] = field(default_factory=dict)
    slow_words_per_minute: int = 0
    limits: SoundLimits = field(default_factory=SoundLimits)
    louder_db: float = 0.0

    @property
    def spoken(self) -> dict[str, str]:
        """Everything that becomes a file: prompts, and numbers as ``digits/<piece>``."""
        return self.prompts | {f"digits/{piece}": text for piece, text in self.numbers.items()}


@dataclass(frozen=True, slots=True)
class BuiltPrompt:
    """One file of a set: its name (``greeting``, ``slow/greeting``), text, where it came from, how it sounds."""

    name: str
    text: str
    recorded: bool
    sound: PromptSound
    complaints: tuple[str, ...]


def read_manifest(file: Path) -> PromptManifest:
    """Parse the manifest; BadSetting names what is wrong."""
    try:
        data: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
        manifest = PromptManifest(
            str(data["version"]), str(data["voice"]), int(data["words_per_minute"]),
            float(data["longest_greeting_s"]), {str(k): str(v) for k, v in data["prompts"].items()},
            {str(k): str(v) for k, v in data.get("numbers", {}).items()}, int(data.get("slow_words_per_minute", 0)),
            SoundLimits(**{str(k): float(v) for k, v in data.get("limits", {}).items()}), float(data.get("louder_db", 0)),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise BadSetting(f"{file}: not a prompt manifest ({wrong}); see docs/how-to/prompts.md") from wrong
    for name in _NEEDED:
        if name not in manifest.prompts:
            raise BadSetting(f"{file}: the prompt {name} is missing; the dialplan plays it")
    return manifest


def build_prompts(
    manifest: PromptManifest, recorded: Path, out: Path, *, command: Sequence[str] = ESPEAK, spoken: Path | None = None,
    told: Callable[[BuiltPrompt], None] = lambda _: None,
) -> None:
    """Write every prompt into ``out``, ``out/slow`` and ``out/louder`` as ``<name>.wav``; ``told`` hears of the first two.

    A human recording in ``recorded`` is taken as it is; where only the normal one was recorded it serves as the slow one
    too, so that a caller never hears two people. ``spoken`` is a folder that keeps what was spoken, by digest, for other
    installs on this machine. Raises BadSetting, once and with every complaint, when a prompt is unfit
    to be heard, or when greeting and notice together pass the limit (GB/T 33358 wants a human within 15 s, so the words
    before the queue are kept to 8 s); the slow ones, heard on request, are held to no such limit.
    """
    voice = Voice(manifest.voice, manifest.words_per_minute, tuple(command))
    slow = replace(voice, words_per_minute=manifest.slow_words_per_minute or manifest.words_per_minute)
    wrong, seconds = [], {}
    for name, text in manifest.spoken.items():
        for built in (
            _build(name, text, [recorded / f"{name}.wav"], out, voice, manifest.limits, spoken),
            _build(
                f"{SLOW}/{name}", text, [recorded / SLOW / f"{name}.wav", recorded / f"{name}.wav"], out, slow,
                replace(manifest.limits, longest_s=manifest.limits.longest_s * 2), spoken,
            ),
        ):
            told(built)
            seconds[built.name] = built.sound.seconds
            wrong += [f"{built.name}: {c}" for c in built.complaints]
        raise_level(out / SLOW / f"{name}.wav", out / LOUDER / f"{name}.wav", manifest.louder_db)
    together = seconds["greeting"] + seconds["notice"]
    if together > manifest.longest_greeting_s:
        wrong.append(
            f"greeting and notice last {together:.1f} s together, more than {manifest.longest_greeting_s:.1f} s; "
            "shorten their text or speak faster"
        )
    if wrong:
        raise BadSetting("prompts that cannot be used:\n" + "\n".join(f"  {w}" for w in wrong))


def _build(
    name: str, text: str, humans: Sequence[Path], out: Path, voice: Voice, limits: SoundLimits, spoken: Path | None
) -> BuiltPrompt:
    target = out / f"{name}.wav"
    target.parent.mkdir(parents=True, exist_ok=True)
    mark = target.with_name(f".{target.name}.sha256")
    human = next((h for h in humans if h.is_file()), None)
    if human is not None:
        found = _checked(human, limits)
        _copy(human, target)
        mark.unlink(missing_ok=True)
    else:
        wanted = hashlib.sha256(repr((voice.name, voice.words_per_minute, tuple(voice.command), text)).encode()).hexdigest()
        if not (target.is_file() and mark.is_file() and mark.read_text() == wanted):
            kept = spoken / f"{wanted}.wav" if spoken else None
            if kept is None or not kept.is_file():
                write_wav(target, speak(text, voice))
                if kept is not None:
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    _copy(target, kept)
            else:
                _copy(kept, target)
            mark.write_text(wanted)
        found = _checked(target, limits)
    return BuiltPrompt(name, text, human is not None, *found)


def _copy(file: Path, target: Path) -> None:
    fresh = target.with_name(f".{target.name}.{os.getpid()}.new")
    shutil.copyfile(file, fresh)
    fresh.rename(target)


def _checked(file: Path, limits: SoundLimits) -> tuple[PromptSound, tuple[str, ...]]:
    sound = measure(file)
    return sound, tuple(complaints(sound, limits))
