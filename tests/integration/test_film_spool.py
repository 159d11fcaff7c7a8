"""Pictures of rooms on disk: one playable file or none, whatever was killed in between, never beyond the bound or the reserve."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import av
import pytest

from ivr.domain.errors import NotFound
from ivr.domain.room_film import Film, FilmUnreadable, is_film_path
from ivr.domain.stored_video import Codec
from ivr.speech.film_spool import RoomFilmSpool, open_film
from tests.fakes.one_film import T0
from tests.fakes.stored_video import FPS, NAME, ROOM, encoded, spool, stored

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


def films(folder: Path, *, reserve_bytes: int = 0, bound_bytes: int = 1 << 30) -> RoomFilmSpool:
    return RoomFilmSpool(folder, reserve_bytes=reserve_bytes, bound_bytes=bound_bytes)


def shown(file: Path) -> tuple[list[tuple[int, int]], float, float]:
    """Sizes of the decoded pictures, when the last of them is shown, and seconds of sound."""
    with av.open(str(file)) as film:
        pictures = [(f.width, f.height, f.time) for f in film.decode(video=0)]
    with av.open(str(file)) as film:
        sound = sum(f.samples for f in film.decode(audio=0)) / 48_000
    return [(w, h) for w, h, _ in pictures], float(pictures[-1][2] or 0), sound


@pytest.mark.parametrize(("codec", "ending", "media_type"), [("vp8", "webm", "video/webm"), ("h264", "mp4", "video/mp4")])
async def test_one_playable_file_is_made_of_both_without_touching_the_picture(tmp_path: Path, codec: Codec, ending: str, media_type: str) -> None:
    spool(tmp_path, codec)
    there = films(tmp_path)
    assert await there.finished(3600) == [], "it may still be written to"
    (found,) = await there.finished(-1)
    assert (found.name, found.linked_id, found.codec) == (NAME, ROOM, codec)
    kept = await there.keep(found)
    file = tmp_path / kept.path
    assert is_film_path(kept.path) and kept.path.endswith(f"{NAME}.{ending}") and kept.media_type == media_type
    assert (kept.width, kept.height, kept.frames, kept.size_bytes) == (320, 240, 3 * FPS, file.stat().st_size) and file.stat().st_mode & 0o777 == 0o640
    sizes, last, sound = shown(file)
    assert sizes == [(320, 240)] * 3 * FPS and 2.8 < last < 3.2 and 2.9 < sound < 3.2
    assert (await there.keep(found)).path == kept.path and list(tmp_path.rglob("films/*/*")) == [file], "again it is the same one"
    await there.discard(found)
    assert await there.finished(-1) == [] and list((tmp_path / "filming").iterdir()) == []


async def test_two_cameras_are_shown_one_after_the_other(tmp_path: Path) -> None:
    second = stored("vp8", encoded("vp8", 2, size=(352, 288)), first=20_000)
    spool(tmp_path, seconds=5, picture=stored("vp8", encoded("vp8", 3)) + second)
    (found,) = await films(tmp_path).finished(-1)
    sizes, last, _ = shown(tmp_path / (await films(tmp_path).keep(found)).path)
    assert Counter(sizes) == {(320, 240): 3 * FPS, (352, 288): 2 * FPS} and 4.7 < last < 5.2


async def test_what_a_killed_asterisk_left_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    file = spool(tmp_path)
    os.truncate(file, file.stat().st_size * 2 // 3)
    sound = file.with_suffix(".wav")
    data = bytearray(sound.read_bytes())
    data[4:8] = data[40:44] = bytes(4)  # a header is written last
    sound.write_bytes(data)
    (found,) = await films(tmp_path).finished(-1)
    sizes, _, seconds = shown(tmp_path / (await films(tmp_path).keep(found)).path)
    assert FPS < len(sizes) < 3 * FPS and seconds > 2.9


@pytest.mark.parametrize("picture", [b"", b"\0" * 5000, os.urandom(3000), stored("vp8", encoded("vp8", 1)[1:9])])
async def test_what_nothing_can_be_shown_of_leaves_no_file(tmp_path: Path, picture: bytes) -> None:
    spool(tmp_path, picture=picture)
    (found,) = await films(tmp_path).finished(-1)
    with pytest.raises(FilmUnreadable):
        await films(tmp_path).keep(found)
    assert [p for p in (tmp_path / "films").rglob("*") if p.is_file()] == []


async def test_neither_the_reserve_nor_the_bound_is_broken(tmp_path: Path) -> None:
    spool(tmp_path)
    (found,) = await films(tmp_path).finished(-1)
    with pytest.raises(OSError, match="reserve"):
        await films(tmp_path, reserve_bytes=1 << 60).keep(found)
    assert await films(tmp_path, reserve_bytes=1 << 60).problem() == "no_space"
    assert await films(tmp_path).problem() == ""
    assert await films(tmp_path, bound_bytes=found.size_bytes).problem() == "full", "what is being recorded counts"
    kept = await films(tmp_path).keep(found)
    await films(tmp_path).discard(found)
    assert await films(tmp_path, bound_bytes=kept.size_bytes).problem() == "full"
    assert await films(tmp_path, bound_bytes=kept.size_bytes + 1).problem() == ""


async def test_a_room_without_any_picture_and_names_that_are_not_ours(tmp_path: Path) -> None:
    spool(tmp_path).unlink()
    for name in ("x.wav", f"../{NAME}.vp8.part", f"{NAME}.wav.bak", "c-1.1-.wav"):
        (tmp_path / "filming" / name.replace("../", "")).write_bytes(b"x")
    (tmp_path / "filming" / f"{NAME[:-1]}0.vp8").symlink_to("/etc/passwd")
    (found,) = await films(tmp_path).finished(-1)
    assert found.codec is None


async def test_a_changed_file_is_not_the_film(tmp_path: Path) -> None:
    spool(tmp_path)
    (found,) = await films(tmp_path).finished(-1)
    kept = await films(tmp_path).keep(found)
    film = Film(1, ROOM, NAME, kept.path, kept.media_type, 320, 240, 30, 3.0, kept.size_bytes, kept.sha256, T0, T0, "", None, "", None)
    file = await open_film(tmp_path, film)
    assert file.size == kept.size_bytes and await file.read(0, 4) == b"\x1aE\xdf\xa3"
    await file.close()
    os.truncate(tmp_path / kept.path, 10)
    with pytest.raises(NotFound):
        await open_film(tmp_path, film)
    (tmp_path / kept.path).unlink()
    (tmp_path / kept.path).symlink_to("/etc/passwd")
    with pytest.raises(NotFound):
        await open_film(tmp_path, film)
