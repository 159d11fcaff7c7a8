"""What the hotline says: spoken once, human recordings kept, limits held, mistakes told."""

from __future__ import annotations

import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr.domain.errors import BadSetting, IvrError
from ivr.settings import PROJECT_ROOT
from ivr.telephony.prompt_sound import SoundLimits, complaints, measure
from ivr.telephony.prompts import BuiltPrompt, PromptManifest, build_prompts, read_manifest
from ivr.telephony.speaking import ESPEAK, Voice, speak, write_wav

SHIPPED = PROJECT_ROOT / "dialplans/prompts/prompts.yaml"
VOICE = "cmn-latn-pinyin+f2"
NAMES = ("greeting", "notice", "not-recorded", "all-busy")


def manifest(longest_s: float = 30.0, **texts: str) -> PromptManifest:
    return PromptManifest("1", VOICE, 215, longest_s, dict.fromkeys(NAMES, "您好。") | texts)


def test_the_shipped_manifest_keeps_its_own_limit(tmp_path: Path) -> None:
    built: list[BuiltPrompt] = []
    build_prompts(read_manifest(SHIPPED), tmp_path / "none", tmp_path / "out", told=built.append)
    lengths = {b.name: b.sound.seconds for b in built}
    assert not any(b.complaints or b.recorded for b in built)
    for name in NAMES:
        assert lengths[f"slow/{name}"] > 1.25 * lengths[name], "who asks again hears it slower"
    assert set(NAMES) <= lengths.keys() and lengths["greeting"] + lengths["notice"] <= 8.0
    for name in NAMES:
        with wave.open(str(tmp_path / "out" / f"{name}.wav")) as wav:
            assert (wav.getframerate(), wav.getsampwidth(), wav.getnchannels()) == (8000, 2, 1)
            sound = np.frombuffer(wav.readframes(wav.getnframes()), "<i2")
        assert 9000 < np.abs(sound.astype(int)).max() < 17000, "G.711 keeps its headroom"
    levels = [b.sound.speech_dbfs for b in built]
    assert max(levels) - min(levels) < 5, "one voice, one loudness, pieces of numbers included"


def test_only_what_changed_is_spoken_again(tmp_path: Path) -> None:
    build_prompts(manifest(), tmp_path / "none", tmp_path)
    for name in NAMES:
        (tmp_path / f"{name}.wav").write_bytes((tmp_path / f"{name}.wav").read_bytes()[:-2] + b"\x01\x00")
    before = {name: (tmp_path / f"{name}.wav").read_bytes() for name in NAMES}
    build_prompts(manifest(greeting="再见。"), tmp_path / "none", tmp_path)
    changed = [name for name in NAMES if (tmp_path / f"{name}.wav").read_bytes() != before[name]]
    assert changed == ["greeting"]


def test_what_was_spoken_once_on_this_machine_is_taken_from_there(tmp_path: Path) -> None:
    build_prompts(manifest(), tmp_path / "none", tmp_path / "one", spoken=tmp_path / "spoken")
    silent = "import sys; sys.exit('nothing is spoken twice')"
    build_prompts(manifest(), tmp_path / "none", tmp_path / "two", spoken=tmp_path / "spoken")
    for name in NAMES:
        assert (tmp_path / "two" / f"{name}.wav").read_bytes() == (tmp_path / "one" / f"{name}.wav").read_bytes()
    with pytest.raises(BadSetting, match="nothing is spoken twice"):
        build_prompts(manifest(), tmp_path / "none", tmp_path / "three", spoken=tmp_path / "spoken", command=[sys.executable, "-c", silent, "{wav}"])


def test_a_human_recording_is_kept_as_it_is(tmp_path: Path) -> None:
    human = tmp_path / "recorded/greeting.wav"
    human.parent.mkdir()
    write_wav(human, np.full(8000, 3000, dtype=np.int16))
    build_prompts(manifest(), human.parent, tmp_path / "out")
    assert (tmp_path / "out/greeting.wav").read_bytes() == human.read_bytes()
    human.unlink()
    build_prompts(manifest(), human.parent, tmp_path / "out")
    with wave.open(str(tmp_path / "out/greeting.wav")) as wav:
        assert wav.getnframes() != 8000, "the voice speaks again once the recording is taken away"


@pytest.mark.parametrize(("rate", "channels", "width"), [(16000, 1, 2), (8000, 2, 2), (8000, 1, 1)])
def test_a_human_recording_of_another_form_is_refused(tmp_path: Path, rate: int, channels: int, width: int) -> None:
    with wave.open(str(tmp_path / "greeting.wav"), "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(width)
        wav.setframerate(rate)
        wav.writeframes(bytes(800))
    with pytest.raises(BadSetting, match="must be 8000 Hz, 16 bit, mono"):
        build_prompts(manifest(), tmp_path, tmp_path / "out")


@pytest.mark.parametrize("data", [b"", b"MP3", b"RIFF\x00\x00\x00\x00WAVE"])
def test_a_human_recording_that_is_no_sound_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "notice.wav").write_bytes(data)
    with pytest.raises(BadSetting, match="is no WAV file"):
        build_prompts(manifest(), tmp_path, tmp_path / "out")


def test_too_long_a_greeting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"greeting and notice last .* s together, more than 1.0 s"):
        build_prompts(manifest(1.0, greeting="您好" * 10), tmp_path / "none", tmp_path)


@pytest.mark.parametrize("text", ["-h", "--version", "; rm -rf /", "$(id)", "`id`", "${CALLERID(num)}"])
def test_a_text_is_never_a_command(text: str) -> None:
    assert speak(f"{text} 您好", Voice(VOICE)).size > 800


@pytest.mark.parametrize(("text", "voice", "told"), [("您好", "qqq-nobody", "refused voice"), ("，。", VOICE, "said nothing"), ("", VOICE, "said nothing")])
def test_a_voice_or_text_that_gives_no_sound_is_told(text: str, voice: str, told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        speak(text, Voice(voice))


@pytest.mark.parametrize("text", ["", "a: [", "version: 1", "[]", "version: 1\nvoice: v\nwords_per_minute: fast\nlongest_greeting_s: 8\nprompts: {}\n",
                                  "version: 1\nvoice: v\nwords_per_minute: 9\nlongest_greeting_s: 8\nprompts: [a]\n"])
def test_a_broken_manifest_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(BadSetting, match="not a prompt manifest"):
        read_manifest(tmp_path / "m.yaml")
    with pytest.raises(BadSetting, match="not a prompt manifest"):
        read_manifest(tmp_path / "missing.yaml")


@pytest.mark.parametrize("missing", NAMES)
def test_a_manifest_without_a_prompt_the_dialplan_plays_is_refused(tmp_path: Path, missing: str) -> None:
    kept = "\n".join(f"  {n}: 您好" for n in NAMES if n != missing)
    (tmp_path / "m.yaml").write_text(f"version: 1\nvoice: v\nwords_per_minute: 9\nlongest_greeting_s: 8\nprompts:\n{kept}\n")
    with pytest.raises(BadSetting, match=f"the prompt {missing} is missing"):
        read_manifest(tmp_path / "m.yaml")


def _sine(level_dbfs: float, seconds: float = 1.0, lead_s: float = 0.0) -> np.ndarray[Any, np.dtype[np.int16]]:
    wave_form = np.sin(np.arange(int(8000 * seconds)) * 2 * np.pi * 440 / 8000) * 10 ** (level_dbfs / 20) * 2**0.5
    return np.concatenate([np.zeros(int(8000 * lead_s)), np.clip(wave_form, -1, 1) * 32767]).astype(np.int16)


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        (_sine(-20), []),
        (_sine(-40), ["too quiet (-40 dBFS); raise it by 12 dB"]),
        (_sine(-6), ["too loud (-6 dBFS); lower it by 6 dB"]),
        (_sine(3), ["too loud", "clipped"]),
        (_sine(-20, 31), ["31.0 s long, more than 30 s"]),
        (_sine(-20, 1, 0.8), ["0.8 s of silence before the first word"]),
        (np.zeros(8000, np.int16), ["nobody is heard"]),
        (np.zeros(0, np.int16), ["nobody is heard"]),
    ],
)
def test_what_is_unfit_to_be_heard_is_told(tmp_path: Path, samples: np.ndarray[Any, np.dtype[np.int16]], told: list[str]) -> None:
    write_wav(tmp_path / "a.wav", samples)
    found = list(complaints(measure(tmp_path / "a.wav"), SoundLimits()))
    assert len(found) == len(told) and all(t in f for t, f in zip(told, found, strict=True)), found


def test_a_recording_that_is_too_quiet_is_refused_with_all_other_complaints(tmp_path: Path) -> None:
    write_wav(tmp_path / "notice.wav", _sine(-50 + 10))
    write_wav(tmp_path / "all-busy.wav", _sine(-20, 40))
    with pytest.raises(BadSetting, match=r"(?s)notice: too quiet.*slow/notice: too quiet.*all-busy: 40.0 s long"):
        build_prompts(manifest(100), tmp_path, tmp_path / "out")


def test_another_program_can_speak(tmp_path: Path) -> None:
    program = tmp_path / "speak.py"
    program.write_text(
        "import sys, wave, struct, math\n"
        "text = sys.argv[2]; assert text == sys.stdin.read()\n"
        "w = wave.open(sys.argv[1], 'wb'); w.setparams((2, 2, 16000, 0, 'NONE', ''))\n"
        "w.writeframes(b''.join(struct.pack('<hh', int(9000 * math.sin(n / 6)), 0) for n in range(16000 * len(text))))\n"
    )
    command = [sys.executable, str(program), "{wav}", "{text}"]
    said = speak("{wav}", Voice("any", command=command))  # a text that looks like a place stays a text
    assert len(said) == pytest.approx(5 * 8000, abs=1000)
    build_prompts(manifest(), tmp_path / "none", tmp_path / "out", command=command)
    spoken = (tmp_path / "out/greeting.wav").read_bytes()
    build_prompts(manifest(), tmp_path / "none", tmp_path / "out", command=ESPEAK)
    assert (tmp_path / "out/greeting.wav").read_bytes() != spoken, "another program means another voice"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["speak", "{text}"], r"names no \{wav\}"),
        ([], r"names no \{wav\}"),
        (["/nonexistent/speak", "{wav}"], "cannot be run: No such file"),
        (["true", "{wav}"], r"wrote no WAV file"),
        (["cp", "/dev/null", "{wav}"], r"wrote no WAV file"),
        (["false", "{wav}"], "refused voice any: exit 1"),
    ],
)
def test_a_program_that_does_not_speak_is_told(command: list[str], told: str) -> None:
    with pytest.raises(IvrError, match=told):
        speak("您好", Voice("any", command=command))
