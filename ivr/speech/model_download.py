"""Getting a model's zip over a bad line: ranges to resume, a digest at the end, plain words for every failure."""

from __future__ import annotations

import asyncio
import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import aiohttp

from ivr.domain.errors import Unavailable
from ivr.speech.models import KnownModel, ModelDamaged, sha256_of

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, bytes so far and bytes in all (None: unknown)."""

_BLOCK: Final = 1 << 18
_SPARE_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class DownloadPatience:
    """How long to bear with a bad line: ``attempts`` in a row without a single new byte end the download."""

    attempts: int = 5
    first_pause_s: float = 1.0
    longest_pause_s: float = 30.0
    connect_s: float = 20.0
    silence_s: float = 60.0


class _LineCut(Exception):
    """The transfer broke off; the text says how."""


async def download(
    model: KnownModel, folder: Path, progress: Progress, patience: DownloadPatience | None = None
) -> tuple[Path, str]:
    """Bring the model's zip into ``folder``, going on where an earlier try stopped; (file, sha256 in hex).

    Raises Unavailable (no network, server's refusal, full disk; the part stays for the next run) or ModelDamaged
    (wrong size or digest; the part is removed).
    """
    patience = patience or DownloadPatience()
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    part = folder / f"{model.name}.zip.part"
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=patience.connect_s, sock_read=patience.silence_s)
    fruitless = 0
    pause_s = patience.first_pause_s
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True, auto_decompress=False) as session:
        while True:
            before = _size(part)
            try:
                await _transfer(session, model, part, progress)
                break
            except (_LineCut, aiohttp.ClientError, TimeoutError, ConnectionError) as cut:
                fruitless = 0 if _size(part) > before else fruitless + 1
                if fruitless >= patience.attempts:
                    kept = f"; {_size(part)} bytes are kept and the next run goes on from there" if _size(part) else ""
                    raise Unavailable(
                        f"{model.address} cannot be fetched ({str(cut) or type(cut).__name__}){kept}. Check the "
                        f"network, or fetch the file elsewhere and unpack it into the models folder"
                    ) from cut
                pause_s = min(pause_s * 2, patience.longest_pause_s) if fruitless else patience.first_pause_s
                await asyncio.sleep(pause_s)
            except OSError as problem:
                raise _disk_problem(problem, part) from problem
    progress("checking", _size(part), model.bytes)
    digest = await asyncio.to_thread(sha256_of, part)
    if model.sha256 is not None and digest != model.sha256:
        await asyncio.to_thread(_forget, part)
        raise ModelDamaged(
            f"{model.name}: the download is not the file of the manifest (sha256 {digest}, expected {model.sha256}); "
            f"it was removed, try again, and if it happens twice do not use that server"
        )
    return part, digest


async def _transfer(session: aiohttp.ClientSession, model: KnownModel, part: Path, progress: Progress) -> None:
    """One request, from the part's end to the file's; returns when the file is there in full."""
    have = _size(part)
    if model.bytes is not None and have == model.bytes:
        return
    if model.bytes is not None and have > model.bytes:
        await asyncio.to_thread(_forget, part)
        have = 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if tag := await asyncio.to_thread(_remembered_tag, part):
            headers["If-Range"] = tag
    async with session.get(model.address, headers=headers) as response:
        if response.status == 416:  # nothing after our last byte: either complete, or of another file
            if response.headers.get("Content-Range", "").endswith(f"*/{have}") and model.bytes is None:
                return
            await asyncio.to_thread(_forget, part)
            raise _LineCut("the server's file has changed")
        if response.status not in (200, 206):
            if response.status >= 500 or response.status == 429:
                raise _LineCut(f"the server answers {response.status}")
            raise Unavailable(f"{model.address}: the server answers {response.status} {response.reason}")
        resumes = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if response.status == 206 and not resumes:
            await asyncio.to_thread(_forget, part)
            raise _LineCut("the server sent another range than was asked for")
        have = have if resumes else 0
        rest = response.content_length
        total = model.bytes if model.bytes is not None else (None if rest is None else have + rest)
        await asyncio.to_thread(_prepare, part, response.headers.get("ETag"), (total or 0) - have)
        await _append(response, part, have, total, model, progress)


async def _append(
    response: aiohttp.ClientResponse, part: Path, have: int, total: int | None, model: KnownModel, progress: Progress
) -> None:
    stream = await asyncio.to_thread(_open_at, part, have)
    try:
        async for block in response.content.iter_chunked(_BLOCK):
            await asyncio.to_thread(stream.write, block)
            have += len(block)
            if model.bytes is not None and have > model.bytes:
                await asyncio.to_thread(_forget, part)
                raise ModelDamaged(f"{model.name}: the server sends more than the {model.bytes} bytes of the manifest")
            progress("fetching", have, total)
    finally:
        await asyncio.to_thread(stream.close)
    if total is not None and have < total:
        raise _LineCut(f"the connection ended after {have} of {total} bytes")


def _open_at(part: Path, offset: int) -> BinaryIO:
    stream = part.open("r+b" if part.exists() else "w+b")
    stream.truncate(offset)
    stream.seek(offset)
    return stream


def _prepare(part: Path, tag: str | None, to_come: int) -> None:
    """Remember which version of the file this is, and refuse what the disk cannot hold before it is full."""
    free = shutil.disk_usage(part.parent).free
    if to_come + _SPARE_BYTES > free:
        raise Unavailable(
            f"the disk of {part.parent} has {free >> 20} MB free, the download needs {to_come >> 20} MB and "
            f"{_SPARE_BYTES >> 20} MB must stay; make room and run it again"
        )
    strong = tag if tag and not tag.startswith("W/") else None
    _tag_file(part).write_text(json.dumps({"etag": strong}), encoding="utf-8")


def _tag_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _remembered_tag(part: Path) -> str | None:
    try:
        tag: str | None = json.loads(_tag_file(part).read_text(encoding="utf-8")).get("etag")
        return tag
    except (OSError, ValueError):
        return None


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag_file(part).unlink(missing_ok=True)


def discard_download(part: Path) -> None:
    """Remove a finished or useless download and what was noted about it; blocking."""
    _forget(part)


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0


def _disk_problem(problem: OSError, part: Path) -> Unavailable:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(f"the disk of {part.parent} is full; make room and run it again to go on")
    return Unavailable(f"{part}: cannot be written ({problem.strerror or problem})")
