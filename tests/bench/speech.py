"""Seconds of call a processor second transcribes: our worker against vosk-transcriber, same sound, same model, one core.

Every arm is a process of its own, start and loading included; processor time counts its children. The model is the one
``BENCH_MODEL`` names (a folder), else the tiny one.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ivr.speech.models import TINY_DIR
from tests.bench.figure import Figure, compared, quick
from tests.bench.process_cost import cpu_seconds_of_command
from tests.bench.sound import SpokenCall, compose_calls, through_a_law, without_pauses, write_call
from tests.fakes.sound import write_wav

TRANSCRIBER = Path(sys.executable).with_name("vosk-transcriber")


def model_folder() -> Path:
    """The model all arms use."""
    return Path(os.environ.get("BENCH_MODEL") or TINY_DIR)


@dataclass(frozen=True, slots=True)
class Track:
    """One file, who speaks on it, where, and what."""

    path: Path
    speaker: str
    spans: list[tuple[float, float]]
    text: str


def measure(full: bool = False) -> list[Figure]:
    """Throughput against the transcriber on both tracks and on a mono mix, against the floor, and without pauses; errors."""
    if shutil.which("ffmpeg") is None:
        raise RuntimeError("vosk-transcriber needs ffmpeg; run `make setup-bench`")
    count, seconds, pairs = (1, 12.0, 1) if quick() else (6, 180.0, 9) if full else (6, 120.0, 5)
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as name:
        return _measure(Path(name), compose_calls(count, seconds), pairs)


def _measure(folder: Path, calls: list[SpokenCall], pairs: int) -> list[Figure]:
    both, mixed, steady = (folder / n for n in ("both", "mixed", "steady"))
    for made in (both, mixed, steady):
        made.mkdir()
    tracks, mixes = [], []
    for n, call in enumerate(calls):
        for path, speaker in zip(write_call(call, both, f"call{n}"), ("caller", "operator"), strict=True):
            spans = [(t.start_s, t.end_s) for t in call.turns if t.speaker == speaker]
            tracks.append(Track(path, speaker, spans, call.text(speaker)))
        mix = write_wav(mixed / f"call{n}.wav", through_a_law(call.caller.astype(float) + call.operator))
        mixes.append(Track(mix, "caller", [], call.text()))
    sound, said = without_pauses(10 if quick() else 480)
    alone = Track(write_wav(steady / "steady.wav", sound), "caller", [(0.0, len(sound) / 8000)], said)

    arms = {
        "ours": lambda: _ours("worker", tracks, folder), "both": lambda: _peer(both, tracks, folder),
        "mixed": lambda: _peer(mixed, mixes, folder), "floor": lambda: _ours("floor", tracks, folder),
        "steady ours": lambda: _ours("worker", [alone], folder), "steady peer": lambda: _peer(steady, [alone], folder),
    }
    speed: dict[str, list[float]] = {name: [] for name in arms}
    errors: dict[str, float] = {}
    lasted = {name: sum(c.seconds for c in calls) for name in arms} | dict.fromkeys(("steady ours", "steady peer"), len(sound) / 8000)
    for number in range(pairs):
        for name in reversed(arms) if number % 2 else arms:
            cpu_s, errors[name] = arms[name]()
            speed[name].append(lasted[name] / cpu_s)
    share = {who: sum(c.talk_share(who) * c.seconds for c in calls) / sum(c.seconds for c in calls) for who in ("caller", "operator")}
    said_so = (
        f"{model_folder().name}; {len(calls)} calls, {lasted['ours']:.0f} s, two tracks each; talk share caller"
        f" {share['caller']:.2f}, operator {share['operator']:.2f}"
    )
    unit = "call-s/CPU-s"
    figures = [
        compared("speech", label, unit, list(zip(speed[mine], speed[theirs], strict=True)), better="more", goal=goal, remark=remark)
        for label, mine, theirs, goal, remark in (
            ("worker vs transcriber, both tracks", "ours", "both", 4.0, said_so),
            ("worker (two tracks) vs transcriber (mono mix)", "ours", "mixed", 1.8, "the mix tells nobody who said what"),
            ("speech without pauses", "steady ours", "steady peer", 1.2, f"one track of {lasted['steady ours']:.0f} s"),
        )
    ]
    figures.append(compared(
        "speech", "worker's CPU over the floor's", "CPU-s/call-h",
        [(3600 / a, 3600 / b) for a, b in zip(speed["ours"], speed["floor"], strict=True)], better="less", goal=1.15,
        remark="floor: the same engine fed each turn by its reference times, nothing else",
    ))
    for label, mine, theirs in (
        ("character errors, both tracks", "ours", "both"), ("character errors, mono mix", "ours", "mixed"),
        ("character errors of the floor", "ours", "floor"), ("character errors without pauses", "steady ours", "steady peer"),
    ):
        bound = theirs in ("both", "steady peer")
        figures.append(Figure(
            "speech", label, "%", round(100 * errors[mine], 2), round(100 * errors[theirs], 2),
            goal="no worse" if bound else None, met=errors[mine] <= errors[theirs] if bound else None,
        ))
    return figures


def _ours(way: str, tracks: list[Track], folder: Path) -> tuple[float, float]:
    """Processor seconds and character error rate."""
    jobs, out = folder / "jobs.json", folder / "heard.json"
    jobs.write_text(json.dumps([{"path": str(t.path), "speaker": t.speaker, "spans": t.spans} for t in tracks]))
    cpu_s = cpu_seconds_of_command([sys.executable, "-m", "tests.bench.speech_arm", way, str(model_folder()), str(jobs), str(out)])
    return cpu_s, error_rate(tracks, json.loads(out.read_text()))


def _peer(sounds: Path, tracks: list[Track], folder: Path) -> tuple[float, float]:
    out = folder / f"{sounds.name}-out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    cpu_s = cpu_seconds_of_command(
        [str(TRANSCRIBER), "-m", str(model_folder()), "-i", str(sounds), "-o", str(out), "--log-level", "WARNING"]
    )
    files = {path.name.split(".")[0]: path for path in out.iterdir()}
    return cpu_s, error_rate(tracks, [files[t.path.stem].read_text(encoding="utf-8") for t in tracks])


def error_rate(tracks: list[Track], heard: list[str]) -> float:
    """Characters inserted, deleted or replaced, over the characters said."""
    wrong = sum(edits(track.text, "".join(text.split())) for track, text in zip(tracks, heard, strict=True))
    return wrong / sum(len(t.text) for t in tracks)


def edits(said: str, heard: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(heard) + 1))
    for i, a in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
