"""Proportional memory (PSS) while decoding: our slots against as many vosk-transcribers; growth over many files."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ivr.speech.recognizer import VoskRecognizer
from tests.bench.figure import Figure, absolute, compared, quick
from tests.bench.process_cost import proportional_mb, with_descendants
from tests.bench.sound import compose_calls, write_call
from tests.bench.speech import TRANSCRIBER, model_folder
from tests.fakes.sound import noise, write_wav

_LOOK_EVERY_S = 0.1


def measure(full: bool = False) -> list[Figure]:
    """PSS of 1, 2 and 4 slots, MB per further slot, and how memory grows over a thousand files."""
    seconds, pairs, files = (8, 1, 12) if quick() else (120, 7 if full else 5, 1000)
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as name:
        folder = Path(name)
        wavs = [path for n, call in enumerate(compose_calls(2, seconds)) for path in write_call(call, folder, f"call{n}")]
        ours: dict[int, list[float]] = {}
        theirs: dict[int, list[float]] = {}
        whole: dict[int, list[float]] = {}
        for number in range(pairs):
            for slots in (1, 2, 4):
                def one(slots: int = slots) -> None:
                    decoders, all_of_it = asyncio.run(_slots(wavs[:slots]))
                    ours.setdefault(slots, []).append(decoders)
                    whole.setdefault(slots, []).append(all_of_it)

                def other(slots: int = slots) -> None:
                    theirs.setdefault(slots, []).append(_transcribers(wavs[:slots]))

                for arm in (other, one) if number % 2 else (one, other):
                    arm()
        figures = [
            compared(
                "memory", f"PSS, {slots} slot{'s' * (slots > 1)} vs transcribers", "MB", list(zip(ours[slots], theirs[slots], strict=True)),
                better="less", goal=0.6 if slots == 4 else None,
                remark=f"{model_folder().name}; host and decoders, each track of a call its own file" if slots == 4 else "",
            )
            for slots in (1, 2, 4)
        ]
        figures.append(compared(
            "memory", "PSS, 4 slots and the process that feeds them", "MB", list(zip(whole[4], theirs[4], strict=True)), better="less",
            remark="the process that hands out the files counted too; the peer has none and would need one",
        ))
        figures.append(compared(
            "memory", "PSS per further slot", "MB",
            [((a - b) / 3, (c - d) / 3) for a, b, c, d in zip(ours[4], ours[1], theirs[4], theirs[1], strict=True)], better="less",
        ))
        figures.append(_growth(folder, files))
        return figures


async def _slots(wavs: list[Path]) -> tuple[float, float]:
    """Greatest PSS seen while all slots decode: of the decoders with their host, and with the process that drives them."""
    command = [sys.executable, "-m", "tests.bench.memory", *map(str, wavs)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    most = [0.0, 0.0]
    while process.returncode is None:
        below = with_descendants(process.pid)
        if len(below) == 2 + len(wavs):
            seen = proportional_mb(below[1:]), proportional_mb(below)
            most = [max(a, b) for a, b in zip(most, seen, strict=True)]
        try:
            async with asyncio.timeout(_LOOK_EVERY_S):
                await process.wait()
        except TimeoutError:
            continue
    assert process.returncode == 0 and most[0], "the slots were never all seen at work"
    return most[0], most[1]


def _transcribers(wavs: list[Path]) -> float:
    """Greatest PSS of as many vosk-transcribers at once on the same files; their ffmpeg children are not counted."""
    processes = [
        subprocess.Popen(
            [str(TRANSCRIBER), "-m", str(model_folder()), "-i", str(wav), "-o", f"{wav}.txt", "--log-level", "WARNING"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for wav in wavs
    ]
    most = 0.0
    while any(p.poll() is None for p in processes):
        most = max(most, proportional_mb(p.pid for p in processes if p.returncode is None))
        time.sleep(_LOOK_EVERY_S)
    assert all(p.returncode == 0 for p in processes)
    return most


def _growth(folder: Path, files: int) -> Figure:
    """Memory after all files over memory after the first twentieth, one slot, the worker's own process included."""
    call = compose_calls(1, 6 if quick() else 60)[0]
    wavs = []
    for n, turn in enumerate(call.turns):
        track = getattr(call, turn.speaker)
        wavs.append(write_wav(folder / f"short{n}.wav", track[round(turn.start_s * 8000) : round((turn.start_s + 2) * 8000)]))
    wavs.append(write_wav(folder / "noise.wav", noise(2, 60)))
    seen: list[float] = []

    async def all_files() -> None:
        async with VoskRecognizer(model_folder(), slots=1) as recognizer:
            for number in range(files):
                await recognizer.transcribe(wavs[number % len(wavs)], "caller")
                if number % max(files // 40, 1) == 0:
                    seen.append(proportional_mb(recognizer.decoder_pids))

    asyncio.run(all_files())
    # A fifth each: a decoder grows with its files until it is replaced, so single looks tell its age rather than a leak.
    settled, fifth = max(len(seen) // 20, 1), max(len(seen) // 5, 1)
    first, last = statistics.median(seen[settled : settled + fifth]), statistics.median(seen[-fifth:])
    growth = 100 * (last / first - 1)
    remark = f"{first:.1f} MB after {settled * max(files // 40, 1)} files, {last:.1f} at the end, {max(seen):.1f} at most"
    return absolute("memory", f"growth over {files:,} files", "%", growth, at_most=5.0, remark=remark)


async def _decode_at_once(wavs: list[Path]) -> None:
    async with VoskRecognizer(model_folder(), slots=len(wavs)) as recognizer:
        await asyncio.gather(*(recognizer.transcribe(wav, "caller") for wav in wavs))


if __name__ == "__main__":
    asyncio.run(_decode_at_once([Path(name) for name in sys.argv[1:]]))
