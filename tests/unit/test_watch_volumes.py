"""A volume's alarm: raised at once, in its own words, kept from flapping, stored when the database is back."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.domain.errors import Unavailable
from ivr.pipeline.watch_volumes import Volume, VolumeWatch
from ivr.ports.pipeline import VolumeFault, VolumeLook
from ivr.volume_probe import FolderProbe, look_at

pytestmark = pytest.mark.asyncio
RESERVE = 100 << 20
VOLUME = Volume("recordings_disk", "录音磁盘", "/data/recordings", "新录音可能丢失", RESERVE)
GOOD = VolumeLook(None, RESERVE * 2, 0.01)


def fault(kind: VolumeFault, seconds: float = 0.01) -> VolumeLook:
    return VolumeLook(kind, 0, seconds, "Permission denied")


class Script:
    """A probe that sees what it is told, the last look for ever."""

    def __init__(self, *looks: VolumeLook) -> None:
        self.looks, self.taken = list(looks), 0

    async def look(self) -> VolumeLook:
        self.taken += 1
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


class Board:
    """What people were told, in order; the database behind it is away ``away`` times."""

    def __init__(self, away: int = 0) -> None:
        self.away, self.told, self.standing = away, list[str](), dict[str, str]()

    async def raised(self, name: str, text: str) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("PostgreSQL is away")
        self.told.append(text)
        self.standing[name] = text

    async def cleared(self, name: str) -> None:
        self.told.append("")
        self.standing.pop(name, None)


async def watched(probe: Script, board: Board, fits: Callable[[], bool]) -> None:
    running = asyncio.create_task(VolumeWatch(VOLUME, probe, board, every_s=0.001).run())
    try:
        async with asyncio.timeout(10):
            while not fits():
                assert not running.done()
                await asyncio.sleep(0.001)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(("kind", "words"), [
    ("full", ["已写满", "清理或扩容"]), ("no_inodes", ["文件数已用完", "删除"]), ("read_only", ["只读", "dmesg"]),
    ("hung", ["没有反应", "9 秒"]), ("refused", ["Permission denied", "权限"]),
])
async def test_each_fault_is_told_at_the_first_look_in_its_own_words(kind: VolumeFault, words: list[str]) -> None:
    probe, board = Script(GOOD, fault(kind, 9.2)), Board()
    await watched(probe, board, lambda: bool(board.standing))
    text = board.standing["recordings_disk"]
    assert probe.taken == 2 and all(w in text for w in [*words, "录音磁盘", "/data/recordings", "新录音可能丢失"]), text


async def test_one_slow_look_is_no_alarm_and_two_are() -> None:
    slow = VolumeLook(None, RESERVE * 2, 1.5)
    probe, board = Script(slow, GOOD, slow, GOOD), Board()
    await watched(probe, board, lambda: probe.taken > 8)
    assert "".join(board.told) == ""
    board = Board()
    await watched(Script(slow), board, lambda: bool(board.standing))
    assert "1.5 秒" in board.standing["recordings_disk"]


async def test_the_alarm_goes_only_when_the_volume_has_been_well_for_three_looks() -> None:
    probe, board = Script(fault("full"), GOOD, GOOD, fault("full"), GOOD, GOOD, fault("full"), GOOD, GOOD, GOOD), Board()
    await watched(probe, board, lambda: probe.taken > 12)
    assert [bool(t) for t in board.told] == [True, False] and not board.standing


async def test_space_must_exceed_the_reserve_by_a_tenth_to_clear() -> None:
    def left(share: float) -> VolumeLook:
        return VolumeLook(None, int(RESERVE * share), 0.01)

    probe, board = Script(left(0.5), *[left(s) for s in (1.01, 0.99, 1.05, 0.98) for _ in range(4)], left(1.05)), Board()
    await watched(probe, board, lambda: probe.taken > 25)
    assert len(board.told) == 1 and "50 MB" in board.told[0]
    probe = Script(left(0.5), left(1.2))
    await watched(probe, board, lambda: not board.standing)


async def test_a_worse_state_is_told_at_once_over_a_milder_one() -> None:
    low = VolumeLook(None, RESERVE // 2, 0.01)
    probe, board = Script(low, fault("full"), fault("read_only"), low), Board()
    await watched(probe, board, lambda: len(board.told) == 4)
    assert ["只剩" in board.told[0], "写满" in board.told[1], "只读" in board.told[2], "只剩" in board.told[3]] == [True] * 4


async def test_an_alarm_waits_for_a_database_that_is_away() -> None:
    board = Board(away=3)
    await watched(Script(fault("full")), board, lambda: bool(board.standing))
    assert board.told == [board.standing["recordings_disk"]]


async def test_a_good_folder_is_found_good_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    look = await FolderProbe(tmp_path).look()
    assert look.fault is None and look.free_bytes > 0 and list(tmp_path.iterdir()) == []


async def test_a_folder_that_is_gone_or_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "gone", tmp_path / "file"):
        look = look_at(folder)
        assert look.fault == "refused" and look.detail


async def test_a_link_at_the_probes_name_is_never_written_through(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (tmp_path / "volume").mkdir()
    (tmp_path / f"volume/.ivr-probe-{os.getpid()}").symlink_to(precious)
    look_at(tmp_path / "volume")
    assert precious.read_text() == "kept"


async def test_a_volume_that_hangs_holds_one_thread_and_is_told_within_the_patience(tmp_path: Path) -> None:
    # A FIFO under the probe's own name takes no writer until somebody reads: the open hangs, as on a dead mount.
    fifo = tmp_path / f".ivr-probe-{os.getpid()}"
    os.mkfifo(fifo)
    probe = FolderProbe(tmp_path, patience_s=0.05)
    before = threading.active_count()
    looks = [await probe.look() for _ in range(3)]
    assert [look.fault for look in looks] == ["hung"] * 3 and looks[2].seconds > looks[0].seconds
    assert threading.active_count() == before + 1
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        async with asyncio.timeout(10):
            while (look := await probe.look()).fault == "hung":
                pass
    finally:
        os.close(reader)
    assert look.fault in (None, "refused")  # a FIFO cannot be synced; what matters is that the look came back
