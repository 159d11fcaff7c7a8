"""Folders of days are read when something in them changed, and what they hold is never missed."""

from __future__ import annotations

import random
import time
from pathlib import Path

from ivr.speech.day_folders import CALLER_TRACK, DONE, TAKEN, DayFolders


class Counting(DayFolders):
    """Counts how often a folder is read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.reads = 0

    def _read(self, name: str) -> tuple[list[str], list[str]]:
        self.reads += 1
        return super()._read(name)


def truth(folder: Path) -> tuple[list[str], list[str]]:
    """Marked and unmarked bases, by looking at every name."""
    names = {str(p.relative_to(folder)) for p in folder.glob("*/*")}
    bases = {n.removesuffix(CALLER_TRACK) for n in names if n.endswith(CALLER_TRACK)}
    return sorted(n.removesuffix(DONE) for n in names if n.endswith(DONE)), sorted(b for b in bases if not {b + DONE, b + TAKEN} & names)


def settled(days: DayFolders, folder: Path) -> None:
    """Within a moment both are known; a wait with a limit, because the file system's clock has ticks."""
    until = time.monotonic() + 5
    while (days.marked(), days.unmarked()) != truth(folder):
        assert time.monotonic() < until, (days.marked(), days.unmarked(), truth(folder))
        time.sleep(0.01)


def test_whatever_comes_and_goes_is_known_in_a_moment(tmp_path: Path) -> None:
    draw, days = random.Random(12348), DayFolders(tmp_path)
    for round_number in range(60):
        for _ in range(draw.randint(1, 6)):
            day = tmp_path / f"202611{draw.randint(1, 4):02}"
            day.mkdir(exist_ok=True)
            name = day / f"c{draw.randint(0, 9)}"
            ending = draw.choice([CALLER_TRACK, "-operator.wav", DONE, TAKEN])
            match draw.randint(0, 3):
                case 0:
                    Path(f"{name}{ending}").unlink(missing_ok=True)
                case 1 if Path(f"{name}{DONE}").exists():
                    Path(f"{name}{DONE}").rename(f"{name}{TAKEN}")
                case _:
                    Path(f"{name}{ending}").touch()
            if draw.random() < 0.4:
                days.marked()
        if round_number % 5 == 4:
            settled(days, tmp_path)


def test_a_folder_in_which_nothing_happens_is_not_read_again(tmp_path: Path) -> None:
    for day in range(1, 29):
        folder = tmp_path / f"202610{day:02}"
        folder.mkdir()
        for n in range(20):
            (folder / f"c{n}{CALLER_TRACK}").touch()
            (folder / f"c{n}{TAKEN}").touch()
    days = Counting(tmp_path)
    assert days.marked() == [] == days.unmarked()
    until = time.monotonic() + 5
    while days.reads < 2 * 28:  # once when met, once more when the file system's clock has ticked
        assert time.monotonic() < until
        days.marked()
    for _ in range(50):
        days.marked()
        days.unmarked()
    assert days.reads == 2 * 28
    (tmp_path / "20261005" / f"c1{DONE}").touch()
    assert days.marked() == ["20261005/c1"] and days.reads == 2 * 28 + 1, "only where something changed"


def test_what_is_no_day_is_left_alone_and_a_day_may_go(tmp_path: Path) -> None:
    for name in ("20261001", "notes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"a{DONE}").touch()
    (tmp_path / "20261002").symlink_to(tmp_path / "notes")
    days = DayFolders(tmp_path)
    assert days.marked() == ["20261001/a"]
    (tmp_path / "20261001" / f"a{DONE}").unlink()
    (tmp_path / "20261001").rmdir()
    assert days.marked() == []
