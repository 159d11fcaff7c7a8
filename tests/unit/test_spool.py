"""The spool: what is closed, what a killed Asterisk left, what is nobody's, and which sound is usable."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from ivr.domain.recording import RecordingName
from ivr.speech.spool import RecordingSpool
from ivr.telephony.speaking import write_wav

pytestmark = pytest.mark.asyncio
UUID = "d4632ef1-7834-4f9a-8fed-687385b99146"


def base(n: int = 0, day: str = "20261124") -> str:
    return f"{day}/ivr-7-1795506589.{n}-{UUID}"


class Folder:
    """A recordings folder filled as Asterisk fills it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spool = RecordingSpool(path)

    def record(self, name: str, *, caller_s: float = 2.0, operator_s: float = 2.0, done: bool = True) -> RecordingName:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        for track, seconds in (("caller", caller_s), ("operator", operator_s)):
            write_wav(self.path / f"{name}-{track}.wav", np.ones(int(8000 * seconds), dtype=np.int16))
        if done:
            (self.path / f"{name}.done").touch()
        parsed = RecordingName.parse(name)
        assert parsed is not None
        return parsed

    def age(self, seconds: float) -> None:
        then = time.time() - seconds
        for file in self.path.rglob("*.wav"):
            os.utime(file, (then, then))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def test_a_done_mark_makes_a_recording_finished_and_settling_ends_that(folder: Folder) -> None:
    name, other = folder.record(base(1)), folder.record(base(2), done=False)
    assert await folder.spool.finished() == [name]
    tracks, problem = await folder.spool.check(name, repair=False)
    assert [(t.track, t.seconds, t.sample_rate) for t in tracks] == [("caller", 2.0, 8000), ("operator", 2.0, 8000)] and not problem
    for _ in range(2):
        await folder.spool.settle(name)
    assert await folder.spool.finished() == [] and (folder.path / f"{name.base}.taken").exists()
    assert other.linked_id == "ivr-7-1795506589.2"


async def test_a_recording_that_rests_without_a_mark_is_unfinished(folder: Folder) -> None:
    folder.record(base(1), done=False)
    folder.record(base(2), done=True)
    settled = folder.record(base(3), done=True)
    await folder.spool.settle(settled)
    assert await folder.spool.unfinished(30.0) == []
    folder.age(60)
    assert [n.base for n in await folder.spool.unfinished(30.0)] == [base(1)]
    (folder.path / f"{base(1)}-operator.wav").touch()  # one track still grows
    assert await folder.spool.unfinished(30.0) == []


async def test_an_abandoned_call_leaves_no_track_and_no_fault(folder: Folder) -> None:
    assert await folder.spool.check(folder.record(base(), caller_s=0, operator_s=0), repair=False) == ([], "")


async def test_a_missing_or_broken_file_is_told_and_is_a_track_of_nothing(folder: Folder) -> None:
    name = folder.record(base(1))
    (folder.path / f"{name.base}-operator.wav").unlink()
    tracks, problem = await folder.spool.check(name, repair=False)
    assert [(t.track, t.seconds, t.size_bytes) for t in tracks] == [("caller", 2.0, 32_044), ("operator", 0.0, 0)]
    assert "not on disk" in problem
    name = folder.record(base(2))
    (folder.path / f"{name.base}-caller.wav").write_bytes(b"not sound")
    tracks, problem = await folder.spool.check(name, repair=False)
    assert [(t.track, t.seconds, t.size_bytes) for t in tracks] == [("caller", 0.0, 9), ("operator", 2.0, 32_044)]
    assert f"{UUID}-caller.wav" in problem


async def test_an_empty_file_is_broken_when_asterisk_closed_it_and_nothing_when_it_was_killed(folder: Folder) -> None:
    name = folder.record(base(1))
    for track in ("caller", "operator"):
        (folder.path / f"{name.base}-{track}.wav").write_bytes(b"")
    tracks, problem = await folder.spool.check(name, repair=False)
    assert [t.seconds for t in tracks] == [0.0, 0.0] and "is empty" in problem
    assert (await folder.spool.check(name, repair=True))[0] == []
    for track in ("caller", "operator"):
        (folder.path / f"{name.base}-{track}.wav").unlink()
    tracks, problem = await folder.spool.check(name, repair=False)
    assert tracks == [] and "not on disk" in problem


async def test_a_link_is_not_followed(folder: Folder, tmp_path: Path) -> None:
    name = folder.record(base())
    outside = tmp_path / "outside.wav"
    write_wav(outside, np.ones(8000, dtype=np.int16))
    caller = folder.path / f"{name.base}-caller.wav"
    caller.unlink()
    caller.symlink_to(outside)
    tracks, problem = await folder.spool.check(name, repair=False)
    assert [(t.track, t.seconds) for t in tracks] == [("caller", 0.0), ("operator", 2.0)] and "is a link" in problem


async def test_a_name_as_long_as_the_disk_takes_holds_up_no_other(folder: Folder) -> None:
    folder.record(base(1), done=False)
    (folder.path / f"20261124/{'x' * 244}-caller.wav").touch()
    folder.age(60)
    assert [n.base for n in await folder.spool.unfinished(30.0)] == [base(1)]


async def test_a_header_of_zeros_is_mended_from_the_files_size(folder: Folder) -> None:
    name = folder.record(base(), done=False)
    for track in ("caller", "operator"):
        path = folder.path / f"{name.base}-{track}.wav"
        data = bytearray(path.read_bytes())
        data[4:8] = data[40:44] = bytes(4)
        path.write_bytes(data)
    tracks, problem = await folder.spool.check(name, repair=True)
    assert [(t.track, t.seconds) for t in tracks] == [("caller", 2.0), ("operator", 2.0)] and not problem
    assert await folder.spool.check(name, repair=False) == (tracks, ""), "it stays mended"


async def test_names_that_are_not_ours_are_left_alone(folder: Folder) -> None:
    for name in ("20261124/x", "20261124/ivr-7-1.0-nouuid", "notes/ivr-7-1.0-" + UUID, f"../{base()}", "20261124/a;touch x-1.0-" + UUID):
        (folder.path / "20261124").mkdir(exist_ok=True)
        (folder.path / "notes").mkdir(exist_ok=True)
        if not name.startswith(".."):
            (folder.path / f"{name}.done").touch()
    (folder.path / "README.md").touch()
    (folder.path / "20261125").symlink_to(folder.path / "20261124")
    assert await folder.spool.finished() == []


async def test_days_come_in_order_and_a_round_is_bounded(folder: Folder) -> None:
    for day in ("20261125", "20261124"):
        (folder.path / day).mkdir()
        for n in range(300):
            (folder.path / f"{base(n, day)}.done").touch()
    found = await folder.spool.finished()
    assert len(found) == 500 and found[0].base.startswith("20261124/") and found[-1].base.startswith("20261125/")
