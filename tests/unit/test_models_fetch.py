"""Fetching a model over a line that breaks, from a server that lies, onto a disk that is full."""

from __future__ import annotations

import errno
import io
import stat
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from ivr.domain.errors import CallerFault, NotFound, Unavailable
from ivr.speech import model_download
from ivr.speech.model_download import DownloadPatience
from ivr.speech.model_install import UnpackLimits, fetch_model
from ivr.speech.models import ModelDamaged, installed_models, verify_model
from tests.fakes.model_server import MODEL_FILES, ModelServer, zipped

HASTE = DownloadPatience(attempts=2, first_pause_s=0.0, longest_pause_s=0.0, connect_s=2.0, silence_s=2.0)


def names_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def begins_at(asked: str | None) -> int:
    """The first byte of a Range header: some bytes on the way when the line broke are always lost."""
    assert asked is not None
    return int(asked.removeprefix("bytes=").rstrip("-"))


def unseen(stage: str, done: int, total: int | None) -> None:
    """Progress nobody watches."""


@asynccontextmanager
async def serving(served: ModelServer) -> AsyncIterator[TestServer]:
    server = await served.start()
    try:
        yield server
    finally:
        await server.close()


async def fetch(served: ModelServer, state: Path, **changes: Any) -> Path:
    limits, allow = changes.pop("limits", None), changes.pop("allow_unverified", False)
    async with serving(served) as server:
        known = served.known(server, **changes)
        return await fetch_model(known, state, unseen, patience=HASTE, limits=limits, allow_unverified=allow)


async def test_fetched_model_is_installed_whole_and_verifies(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    served = ModelServer(zipped(MODEL_FILES))
    async with serving(served) as server:
        path = await fetch_model(
            served.known(server), tmp_path, lambda *step: seen.append(step), patience=HASTE
        )
    assert path == tmp_path / "models" / "some-model"
    assert {n: (path / n).read_bytes() for n in MODEL_FILES} == MODEL_FILES
    assert installed_models(tmp_path) == {"some-model": path}
    assert verify_model(path) == len(MODEL_FILES)
    assert {stage for stage, _, _ in seen} == {"fetching", "checking", "unpacking"}
    assert list((tmp_path / "cache" / "downloads").iterdir()) == []


async def test_cut_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    served = ModelServer(zipped(MODEL_FILES), cuts=[1_000_000, 1_000_000])
    assert verify_model(await fetch(served, tmp_path)) == len(MODEL_FILES)
    first, second, third = served.asked
    assert first is None and 0 < begins_at(second) <= 1_000_000
    assert begins_at(second) < begins_at(third) <= 2_000_000


async def test_next_run_goes_on_with_the_part_of_the_last(tmp_path: Path) -> None:
    served = ModelServer(zipped(MODEL_FILES), cuts=[1_000_000, 0, 0])
    with pytest.raises(Unavailable, match=r"\d+ bytes are kept and the next run goes on"):
        await fetch(served, tmp_path)
    assert verify_model(await fetch(served, tmp_path)) == len(MODEL_FILES)
    assert 0 < begins_at(served.asked[-1]) <= 1_000_000


async def test_changed_file_on_the_server_is_fetched_from_its_start(tmp_path: Path) -> None:
    served = ModelServer(zipped(MODEL_FILES), cuts=[1_000_000, 0, 0])
    with pytest.raises(Unavailable):
        await fetch(served, tmp_path)
    served.etag = '"two"'
    assert verify_model(await fetch(served, tmp_path)) == len(MODEL_FILES)


async def test_server_without_ranges_starts_again(tmp_path: Path) -> None:
    served = ModelServer(zipped(MODEL_FILES), cuts=[1_000_000], ranges=False)
    assert verify_model(await fetch(served, tmp_path)) == len(MODEL_FILES)


async def test_wrong_digest_is_refused_and_removed(tmp_path: Path) -> None:
    with pytest.raises(ModelDamaged, match="not the file of the manifest"):
        await fetch(ModelServer(zipped(MODEL_FILES)), tmp_path, sha256="0" * 64)
    assert installed_models(tmp_path) == {}
    assert list((tmp_path / "cache" / "downloads").iterdir()) == []


async def test_more_bytes_than_the_manifest_says_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelDamaged, match="more than the 1000 bytes"):
        await fetch(ModelServer(zipped(MODEL_FILES)), tmp_path, bytes=1000)


async def test_unverified_model_needs_a_word_and_then_installs(tmp_path: Path) -> None:
    served = ModelServer(zipped(MODEL_FILES))
    with pytest.raises(CallerFault, match="allow-unverified"):
        await fetch(served, tmp_path, bytes=None, sha256=None)
    path = await fetch(served, tmp_path, bytes=None, sha256=None, allow_unverified=True)
    assert verify_model(path) == len(MODEL_FILES)


async def test_truncated_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelDamaged, match="no whole zip"):
        await fetch(ModelServer(zipped(MODEL_FILES)[:-500]), tmp_path)


async def test_zip_with_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    raw = bytearray(zipped(MODEL_FILES))
    raw[5_000] ^= 0xFF
    with pytest.raises(ModelDamaged, match="no whole zip"):
        await fetch(ModelServer(bytes(raw)), tmp_path)


@pytest.mark.parametrize("name", ["../../outside", "/outside", "a/../../outside", "..\\outside", "C:/outside"])
async def test_zip_that_wants_to_write_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    state = tmp_path / "state"
    with pytest.raises(ModelDamaged, match="outside its folder"):
        await fetch(ModelServer(zipped({**MODEL_FILES, name: b"x"}, folder="")), state)
    assert names_in(tmp_path) == ["state"]
    assert names_in(state / "models") == [".lock"]


async def test_link_in_the_zip_is_refused(tmp_path: Path) -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        link = zipfile.ZipInfo("some-model/am")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc")
    with pytest.raises(ModelDamaged, match="as a link"):
        await fetch(ModelServer(raw.getvalue()), tmp_path)


async def test_zip_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("some-model/am/final.mdl", bytes(20_000_000))
    with pytest.raises(ModelDamaged, match="far from a model"):
        await fetch(ModelServer(raw.getvalue()), tmp_path)
    with pytest.raises(ModelDamaged, match="far from a model"):
        await fetch(ModelServer(zipped(MODEL_FILES)), tmp_path, limits=UnpackLimits(files=2))


async def test_zip_without_a_model_is_refused_and_the_installed_one_stays(tmp_path: Path) -> None:
    path = await fetch(ModelServer(zipped(MODEL_FILES)), tmp_path)
    with pytest.raises(ModelDamaged, match=r"am/final\.mdl"):
        await fetch(ModelServer(zipped({"readme.txt": b"no model"})), tmp_path)
    assert verify_model(path) == len(MODEL_FILES)


async def test_second_fetch_replaces_the_first(tmp_path: Path) -> None:
    await fetch(ModelServer(zipped(MODEL_FILES)), tmp_path)
    path = await fetch(ModelServer(zipped({**MODEL_FILES, "graph/Gr.fst": b"newer"})), tmp_path)
    assert (path / "graph/Gr.fst").read_bytes() == b"newer"
    assert sorted(p.name for p in path.parent.iterdir()) == [".lock", "some-model"]


async def test_no_network_says_what_to_do(tmp_path: Path) -> None:
    served = ModelServer(zipped(MODEL_FILES))
    async with serving(served) as server:
        known = served.known(server)
    with pytest.raises(Unavailable, match="Check the network"):
        await fetch_model(known, tmp_path, unseen, patience=HASTE)


async def test_refusal_of_the_server_is_not_retried(tmp_path: Path) -> None:
    served = ModelServer(b"gone", status=404)
    with pytest.raises(Unavailable, match="answers 404"):
        await fetch(served, tmp_path)
    assert len(served.asked) == 1


async def test_disk_without_room_is_noticed_before_the_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_download, "_SPARE_BYTES", 1 << 62)
    with pytest.raises(Unavailable, match="make room"):
        await fetch(ModelServer(zipped(MODEL_FILES)), tmp_path)


async def test_disk_that_fills_up_keeps_the_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(model_download, "_open_at", lambda part, offset: FullDisk())
    with pytest.raises(Unavailable, match="is full"):
        await fetch(ModelServer(zipped(MODEL_FILES)), tmp_path)


async def test_verify_names_what_differs(tmp_path: Path) -> None:
    path = await fetch(ModelServer(zipped(MODEL_FILES)), tmp_path)
    (path / "graph/Gr.fst").write_bytes(b"rotten")
    with pytest.raises(ModelDamaged, match=r"1 of 6 files differ \(graph/Gr\.fst\)"):
        verify_model(path)
    with pytest.raises(NotFound, match="ivr models fetch absent"):
        verify_model(tmp_path / "models" / "absent")
