"""Real Mandarin through real Vosk with the tiny model, and decoders that die, hang or lose their parent."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from ivr.domain.errors import AudioUnreadable, RecognizerFailed, Unavailable
from ivr.ports.speech import Recognizer
from ivr.speech.models import REPOSITORY, TINY_DIR
from ivr.speech.recognizer import DecodingBudget, VoskRecognizer
from tests.fakes.sound import A_LAW_IDLE, noise, silence, spoken, tone, write_wav

WAGES = "老板拖欠工资三个月了"
AID = "我想申请法律援助"


@pytest_asyncio.fixture
async def recognizer() -> AsyncIterator[VoskRecognizer]:
    async with VoskRecognizer(TINY_DIR, slots=2) as opened:
        yield opened


async def until_gone(*pids: int) -> None:
    """Wait until the kernel says that these processes have ended."""
    loop = asyncio.get_running_loop()
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        ended = asyncio.Event()
        loop.add_reader(handle, ended.set)
        try:
            await asyncio.wait_for(ended.wait(), 10)
        finally:
            loop.remove_reader(handle)
            os.close(handle)


def state_of(pid: int) -> str:
    """The letter /proc gives a process (Z is a zombie), empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


async def test_two_sentences_are_heard_word_by_word_with_their_times(
    recognizer: VoskRecognizer, tmp_path: Path
) -> None:
    first, second = spoken(AID), spoken(WAGES)
    path = write_wav(tmp_path / "a.wav", silence(2, A_LAW_IDLE), first, silence(3, A_LAW_IDLE), second, silence(1))
    track = await recognizer.transcribe(path, "caller")
    assert [segment.text for segment in track.segments] == [AID, WAGES]
    assert (track.speaker, track.model) == ("caller", TINY_DIR.name)
    second_begins = 2 + len(first) / 8_000 + 3
    assert track.segments[0].start_s == pytest.approx(2.0, abs=0.25)
    assert track.segments[1].start_s == pytest.approx(second_begins, abs=0.25)
    assert track.segments[1].end_s == pytest.approx(second_begins + len(second) / 8_000, abs=0.5)
    words = [word for segment in track.segments for word in segment.words]
    assert all(a.end_s <= b.start_s + 0.001 for a, b in zip(words, words[1:], strict=False))
    assert all(0 <= word.confidence <= 1 and word.start_s < word.end_s <= track.audio_s for word in words)
    assert 0 < track.speech_s < track.audio_s - 2


async def test_words_of_this_hotline_are_known(recognizer: VoskRecognizer, tmp_path: Path) -> None:
    communities = ["康庄", "西花园", "福利巷", "惠民", "橡民", "沁园", "梦园", "兴洲南路", "燕宝"]
    sentences = [f"我住在{name}社区" for name in communities]
    sentences += ["我想查询一下工单进度", "请帮我转接值班律师", "我们会尽快回拨给您", "本次通话会录音", "我想视频咨询"]
    sentences += ["这是法律服务热线吗"]
    for sentence in sentences:
        path = write_wav(tmp_path / "a.wav", silence(1), spoken(sentence), silence(1))
        track = await recognizer.transcribe(path, "operator")
        assert "".join(segment.text for segment in track.segments) == sentence


async def test_other_rates_are_brought_to_the_models(recognizer: VoskRecognizer, tmp_path: Path) -> None:
    for rate in (16_000, 22_050, 44_100, 48_000):
        speech = np.concatenate([silence(1, rate=rate), spoken(AID, rate=rate), silence(1, rate=rate)])
        track = await recognizer.transcribe(write_wav(tmp_path / "a.wav", speech, rate=rate), "caller")
        assert [segment.text for segment in track.segments] == [AID]
        assert track.segments[0].start_s == pytest.approx(1.0, abs=0.25)


async def test_nothing_is_heard_in_silence(recognizer: VoskRecognizer, tmp_path: Path) -> None:
    for quiet in (silence(20), silence(20, A_LAW_IDLE), noise(20, 20), noise(20, 400), silence(0)):
        track = await recognizer.transcribe(write_wav(tmp_path / "a.wav", quiet), "caller")
        assert track.segments == ()
        assert track.audio_s == pytest.approx(len(quiet) / 8_000)


async def test_recording_of_a_killed_asterisk_is_heard(recognizer: VoskRecognizer, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", silence(1), spoken(AID), silence(1))
    raw = bytearray(path.read_bytes())
    raw[4:8] = raw[40:44] = struct.pack("<I", 0)
    path.write_bytes(raw)
    assert [s.text for s in (await recognizer.transcribe(path, "caller")).segments] == [AID]


async def test_what_is_no_sound_is_unreadable(recognizer: VoskRecognizer, tmp_path: Path) -> None:
    empty, stereo = tmp_path / "empty.wav", write_wav(tmp_path / "stereo.wav", tone(1), channels=2)
    empty.write_bytes(b"")
    for path in (empty, stereo, tmp_path / "absent.wav"):
        with pytest.raises(AudioUnreadable, match=path.name):
            await recognizer.transcribe(path, "caller")
    assert (await recognizer.transcribe(write_wav(tmp_path / "header.wav"), "caller")).segments == ()


async def test_killed_decoder_costs_its_own_file_only(recognizer: VoskRecognizer, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", silence(1), spoken(AID), silence(1))
    await recognizer.transcribe(path, "caller")
    host, decoder = recognizer.decoder_pids
    os.kill(decoder, signal.SIGSTOP)  # so that the job is surely in its hands when it dies
    jobs = [asyncio.create_task(recognizer.transcribe(path, "caller")) for _ in range(2)]
    (healthy,), (stuck,) = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
    assert [s.text for s in healthy.result().segments] == [AID]
    os.kill(decoder, signal.SIGKILL)
    with pytest.raises(RecognizerFailed, match=r"a\.wav: the decoder was killed"):
        await stuck
    assert not state_of(decoder), "the host has reaped it"
    assert [s.text for s in (await recognizer.transcribe(path, "caller")).segments] == [AID]
    assert recognizer.decoder_pids[0] == host and decoder not in recognizer.decoder_pids


async def test_engine_that_aborts_fails_the_file_and_not_the_host(tmp_path: Path) -> None:
    model = tmp_path / "aborting-model"
    shutil.copytree(TINY_DIR, model)
    settings = model / "conf" / "model.conf"
    kept = [line for line in settings.read_text().splitlines() if "silence-phones" not in line]
    settings.write_text("\n".join(kept) + "\n")  # Kaldi then asserts at the first sound
    path = write_wav(tmp_path / "a.wav", silence(1), spoken(AID), silence(1))
    async with VoskRecognizer(model) as recognizer:
        host = recognizer.decoder_pids[0]
        for _ in range(2):
            with pytest.raises(RecognizerFailed, match="aborted"):
                await recognizer.transcribe(path, "caller")
        assert recognizer.decoder_pids[0] == host


async def test_hanging_decoder_is_stopped_at_its_budget(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", silence(1), spoken(AID), silence(1))
    async with VoskRecognizer(TINY_DIR, budget=DecodingBudget(least_s=2.0, per_audio_second=0.0)) as recognizer:
        await recognizer.transcribe(path, "caller")
        decoder = recognizer.decoder_pids[1]
        os.kill(decoder, signal.SIGSTOP)
        with pytest.raises(RecognizerFailed, match="more than 2 s and was stopped"):
            await recognizer.transcribe(path, "caller")
        await until_gone(decoder)
        assert (await recognizer.transcribe(path, "caller")).segments


async def test_a_decoder_that_stands_still_is_ended_long_before_its_budget(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", silence(1), spoken(AID), silence(1))
    async with VoskRecognizer(TINY_DIR, stalled_after_s=1.0) as recognizer:
        await recognizer.transcribe(path, "caller")
        decoder = recognizer.decoder_pids[1]
        os.kill(decoder, signal.SIGSTOP)
        with pytest.raises(RecognizerFailed, match="stood still for 1 s"):
            await recognizer.transcribe(path, "caller")
        await until_gone(decoder)
        assert (await recognizer.transcribe(path, "caller")).segments


async def test_cancelled_job_frees_its_slot_and_its_decoder(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", silence(1), spoken(AID), silence(1))
    async with VoskRecognizer(TINY_DIR) as recognizer:
        await recognizer.transcribe(path, "caller")
        decoder = recognizer.decoder_pids[1]
        os.kill(decoder, signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await recognizer.transcribe(path, "caller")
        await until_gone(decoder)
        assert (await recognizer.transcribe(path, "caller")).segments


async def test_dead_host_is_replaced(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", silence(1), spoken(AID), silence(1))
    async with VoskRecognizer(TINY_DIR) as recognizer:
        await recognizer.transcribe(path, "caller")
        host, decoder = recognizer.decoder_pids
        os.kill(host, signal.SIGKILL)
        await until_gone(host, decoder)
        with suppress(RecognizerFailed):  # the death may not have been noticed yet
            await recognizer.transcribe(path, "caller")
        assert (await recognizer.transcribe(path, "caller")).segments
        assert recognizer.decoder_pids[0] != host


async def test_children_are_renewed_after_some_files(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", silence(1), spoken(AID), silence(1))
    async with VoskRecognizer(TINY_DIR, files_per_child=2) as recognizer:
        seen = []
        for _ in range(4):
            await recognizer.transcribe(path, "caller")
            seen.append(recognizer.decoder_pids[-1])
        assert seen[0] == seen[1] != seen[2] == seen[3]
        await until_gone(seen[0])


async def test_more_files_than_slots_wait_their_turn(recognizer: VoskRecognizer, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", silence(1), spoken(AID), silence(1))
    tracks = await asyncio.gather(*(recognizer.transcribe(path, "caller") for _ in range(12)))
    assert {track.segments[0].text for track in tracks} == {AID}
    assert len(recognizer.decoder_pids) == 3


async def test_leaving_leaves_no_process(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", silence(1), spoken(AID), silence(1))
    async with VoskRecognizer(TINY_DIR, slots=2) as recognizer:
        await asyncio.gather(*(recognizer.transcribe(path, "caller") for _ in range(2)))
        pids = recognizer.decoder_pids
    assert len(pids) == 3 and not any(state_of(pid) for pid in pids)
    with pytest.raises(RecognizerFailed, match="closed"):
        await recognizer.transcribe(path, "caller")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_processes_die_with_their_parent(tmp_path: Path, how: signal.Signals) -> None:
    path = write_wav(tmp_path / "a.wav", silence(1), spoken(AID), silence(1))
    program = f"""
import asyncio
from pathlib import Path
from ivr.speech.recognizer import VoskRecognizer

async def main():
    async with VoskRecognizer(Path({str(TINY_DIR)!r})) as recognizer:
        await recognizer.transcribe(Path({str(path)!r}), "caller")
        print(*recognizer.decoder_pids, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, cwd=REPOSITORY
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await asyncio.wait_for(parent.stdout.readline(), 30)).split()]
    assert len(pids) == 2 and all(state_of(pid) for pid in pids)
    parent.send_signal(how)
    await parent.wait()
    await until_gone(*pids)


async def test_host_told_to_end_takes_its_decoders_with_it(recognizer: VoskRecognizer, tmp_path: Path) -> None:
    await recognizer.transcribe(write_wav(tmp_path / "a.wav", spoken(AID)), "caller")
    pids = recognizer.decoder_pids
    os.kill(pids[0], signal.SIGTERM)
    await until_gone(*pids)


async def test_model_that_cannot_be_loaded_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be loaded"):
        async with VoskRecognizer(tmp_path):
            pass
    broken = tmp_path / "broken"
    shutil.copytree(TINY_DIR, broken)
    (broken / "am" / "final.mdl").write_bytes(b"no model at all")
    with pytest.raises(Unavailable, match="cannot be loaded"):
        async with VoskRecognizer(broken):
            pass


def test_it_fits_the_port() -> None:
    recognizer: Recognizer = VoskRecognizer(TINY_DIR)
    assert recognizer.model_name == TINY_DIR.name
