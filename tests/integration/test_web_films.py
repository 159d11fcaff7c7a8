"""Recorded pictures of rooms: none without the notice, one row each whatever is killed, played like the order is read, gone in time."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ivr.domain.retention import Terms
from ivr.domain.room_film import Spooled
from ivr.pipeline.keep_films import FilmKeeper
from ivr.pipeline.retention import Retention
from ivr.ports.films import KeptFile
from ivr.speech.film_spool import RoomFilmSpool
from ivr.speech.shredder import RecordingShredder
from ivr.storage.audit import PostgresAudit
from ivr.storage.films import PostgresFilmBook
from ivr.storage.retention import PostgresHolds, PostgresRetention
from tests.fakes.stored_video import NAME, ROOM, spool
from tests.fakes.web_world import add_call
from tests.integration.test_web_orders import NUMBER, T0, add_order, made, office, told
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import Site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
THIRD = "c-room1-1764000001.1"


class Spool(RoomFilmSpool):
    """On a disk that is full, or killed after the file was made, when told so; nothing of it is waited for."""

    full = killed = False

    async def finished(self, still_s: float) -> Any:
        return await super().finished(-1)

    async def keep(self, spooled: Spooled) -> KeptFile:
        if self.full:
            raise OSError(28, "No space left on device")
        kept = await super().keep(spooled)
        if self.killed:
            raise KeyboardInterrupt
        return kept


@dataclass
class House:
    """A village's order whose call had a room that the exchange recorded."""

    site: Site
    by: dict[str, aiohttp.ClientSession]
    folder: Path
    order: str
    spool: Spool
    keeper: FilmKeeper

    async def films(self, name: str = "seat", status: int = 200) -> list[dict[str, Any]]:
        answer = await told(await self.by[name].get(f"{self.order}/films"), status)
        return list(answer["films"]) if status == 200 else []

    def files(self) -> list[Path]:
        return sorted(p for p in self.folder.rglob("*") if p.is_file())


@asynccontextmanager
async def room(database: WebDatabase, folder: Path, *, heard: tuple[str, ...] = ("villager", "v-640105001-1"), ended: bool = True) -> AsyncIterator[House]:
    async with office(database, recordings_dir=folder) as (s, by):
        order = await add_order(s, owner_work_number="8001", channel="village_video")
        await add_call(s.pool, ROOM, T0, state="ended" if ended else "talking", outcome="answered", channel="village_video",
                       ended_at=T0 + timedelta(seconds=60))  # fmt: skip
        await s.pool.execute("INSERT INTO work_order_call SELECT $1, id FROM work_order", ROOM)
        spool(folder)
        began = (folder / "filming" / f"{NAME}.wav").stat().st_mtime - 3
        await s.pool.execute(
            "INSERT INTO room_invitation (seat, who, asked_by, state, channel_id, linked_id, ends_at)"
            " VALUES ('east', 'station', 'seat', 'over', $1, $2, now())", THIRD, ROOM,
        )
        for n, who in enumerate(heard):
            await s.pool.execute(
                "INSERT INTO call_fact VALUES ('cel', 'f', $1, $2, 'user:FILM_TOLD', $3, jsonb_build_object('extra', $4::text))",
                n, ROOM if who == "villager" else THIRD, datetime.fromtimestamp(began - 5 - n, UTC), who,
            )
        there = Spool(folder, reserve_bytes=0, bound_bytes=1 << 30)
        yield House(s, by, folder, order, there, FilmKeeper(there, PostgresFilmBook(s.pool)))


async def test_a_room_is_kept_once_with_who_was_told(web_database: WebDatabase, tmp_path: Path) -> None:
    async with room(web_database, tmp_path) as house:
        for _ in range(2):
            await house.keeper.once()
        (film,) = await house.films()
        (file,) = house.files()
        assert file.parent.parent == tmp_path / "films" and film["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert (film["problem"], film["width"], film["frames"], film["third_told"]) == ("", 320, 30, "v-640105001-1")
        assert film["third_told_at"] < film["told_at"] < film["began_at"] and film["size_bytes"] == file.stat().st_size
        rows = await house.site.pool.fetch("SELECT actor, action, object FROM audit_event WHERE action LIKE 'film.%'")
        assert [tuple(row) for row in rows] == [("controller", "film.kept", ROOM)]


async def test_nothing_is_kept_of_who_was_not_told(web_database: WebDatabase, tmp_path: Path) -> None:
    async with room(web_database, tmp_path, heard=("v-640105001-1",)) as house:
        await house.keeper.once()
        assert house.files() == [] and [film["problem"] for film in await house.films()] == ["not_told"]
        assert await house.site.pool.fetchval("SELECT detail->>'problem' FROM audit_event WHERE action = 'film.not_kept'") == "not_told"


async def test_a_notice_after_the_begin_is_no_notice(web_database: WebDatabase, tmp_path: Path) -> None:
    async with room(web_database, tmp_path) as house:
        await house.site.pool.execute("UPDATE call_fact SET at = at + interval '1 minute'")
        await house.keeper.once()
        assert house.files() == [] and [film["problem"] for film in await house.films()] == ["not_told"]


async def test_a_call_that_goes_on_is_waited_for_and_a_room_without_pictures_says_so(web_database: WebDatabase, tmp_path: Path) -> None:
    async with room(web_database, tmp_path, ended=False) as house:
        before = house.files()
        await house.keeper.once()
        assert house.files() == before and await house.films() == []
        await house.site.pool.execute("UPDATE call SET state = 'ended'")
        (tmp_path / "filming" / f"{NAME}.vp8").write_bytes(b"\0" * 100)
        await house.keeper.once()
        assert house.files() == [] and [film["problem"] for film in await house.films()] == ["unreadable"]


async def test_a_full_disk_delays_and_a_kill_in_between_costs_nothing(web_database: WebDatabase, tmp_path: Path) -> None:
    async with room(web_database, tmp_path) as house:
        before = house.files()
        house.spool.full = True
        await house.keeper.once()
        assert house.files() == before and await house.films() == [], "the exchange's files stay"
        house.spool.full, house.spool.killed = False, True
        again = FilmKeeper(house.spool, PostgresFilmBook(house.site.pool))
        with pytest.raises(KeyboardInterrupt):
            await again.once()
        house.spool.killed = False
        await FilmKeeper(house.spool, PostgresFilmBook(house.site.pool)).once()
        assert len(await house.films()) == 1 and len(house.files()) == 1
        spool(tmp_path)  # killed after the row, before the exchange's files were removed
        await FilmKeeper(house.spool, PostgresFilmBook(house.site.pool)).once()
        assert len(await house.films()) == 1 and len(house.files()) == 1


async def test_it_is_played_in_ranges_like_its_order_is_read_and_every_playing_is_audited(web_database: WebDatabase, tmp_path: Path) -> None:
    async with room(web_database, tmp_path) as house:
        await house.keeper.once()
        (film,), (file,) = await house.films(), house.files()
        whole, address, by = file.read_bytes(), f"{house.order}/films/{film['id']}", house.by
        assert "理由" in (await told(await by["seat"].get(address), 403))["detail"], "a face cannot be covered"
        assert (await by["seat"].head(address)).status == 403
        await told(await by["seat"].post(f"{house.order}/unmasking", json={"reason": "核对调解"}), 200)
        async with by["seat"].get(address) as shown:
            assert shown.status == 200 and shown.content_type == "video/webm" and await shown.read() == whole
            assert shown.headers["Cache-Control"] == "private, no-store" and shown.headers["Accept-Ranges"] == "bytes"
            etag = shown.headers["ETag"]
        for asked, start, end in (("bytes=0-99", 0, 100), ("bytes=500-", 500, len(whole)), ("bytes=-64", len(whole) - 64, len(whole))):
            async with by["seat"].get(address, headers={"Range": asked, "If-Range": etag}) as part:
                assert part.status == 206 and await part.read() == whole[start:end]
                assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(whole)}"
        async with by["seat"].get(address, headers={"Range": "bytes=0-9", "If-Range": '"another"'}) as other:
            assert other.status == 200
        async with by["seat"].get(address, headers={"Range": f"bytes={len(whole)}-"}) as beyond:
            assert beyond.status == 416 and beyond.headers["Content-Range"] == f"bytes */{len(whole)}"
        async with by["seat"].head(address) as head:
            assert head.status == 200 and int(head.headers["Content-Length"]) == len(whole) and await head.read() == b""
        for name, status in (("zhao", 403), ("books", 403), ("root", 403), ("chief", 403)):
            assert (await by[name].get(address)).status == status, name
        for wrong in ("0", "9", "x", "9" * 30):
            await told(await by["seat"].get(f"{house.order}/films/{wrong}"), 404)
        await made(by["seat"], house.order, move="conceal", reason="当事人要求")
        for there in (address, f"{house.order}/films"):
            await told(await by["desk"].get(there), 403)
            assert "confidential" in (await told(await by["root"].get(there), 403))["detail"], "may play sound, and not this order's"
        rows = await house.site.pool.fetch("SELECT actor, object FROM audit_event WHERE action = 'film.played'")
        assert [tuple(row) for row in rows] == [("seat", f"{NUMBER}/{film['id']}")], "however many ranges, one playing"
        assert await PostgresAudit(house.site.pool).first_broken() is None


async def test_it_goes_with_the_case_and_when_its_time_is_over(web_database: WebDatabase, tmp_path: Path) -> None:
    async with room(web_database, tmp_path) as house:
        await house.keeper.once()
        (film,), (file,), s, by = await house.films(), house.files(), house.site, house.by
        name = f"films/{film['id']}.webm"

        async def case() -> zipfile.ZipFile:
            async with by["chief"].post(f"{house.order}/case", json={"reason": "法院调卷"}) as answer:
                return zipfile.ZipFile(io.BytesIO(await answer.read()))

        covered = await case()
        assert name not in covered.namelist() and name in covered.read("about.json").decode()
        await told(await by["chief"].post(f"{house.order}/unmasking", json={"reason": "法院调卷"}), 200)
        whole = await case()
        assert whole.read(name) == file.read_bytes() and film["sha256"] in whole.read("films.json").decode()
        assert "film.kept" in whole.read("audit.json").decode()
        now = datetime.now(UTC)

        def terms(**days: int) -> Retention:
            return Retention(PostgresRetention(s.pool), RecordingShredder(tmp_path), Terms(days), clock=(now + timedelta(days=31)).timestamp)  # type: ignore[arg-type]

        gone = terms(film=30, order=1)
        assert (await gone.once())["film"] == 0, "its order is open"
        await s.pool.execute("UPDATE work_order SET state = 'closed'")
        holds = PostgresHolds(s.pool)
        hold = await holds.hold(f"call:{ROOM}", "诉讼", now + timedelta(days=900), "chief")
        assert (await gone.once())["film"] == 0 and house.files() == [file], "held"
        await holds.lift(hold, "结案", "chief")
        assert (await terms(order=1).once())["order"] == 0, "an order is emptied only when its films are gone"
        assert {k: v for k, v in (await gone.once()).items() if v} == {"film": 1, "order": 1} and house.files() == []
        (proof,) = [p for p in await PostgresRetention(s.pool).proofs(9) if p.kind == "film"]
        assert proof.sha256.hex() == film["sha256"] and proof.size_bytes == film["size_bytes"]
        assert [left["gone"] for left in await house.films()] == [True]
        await told(await by["chief"].get(f"{house.order}/films/{film['id']}"), 404)
