"""From a manifest entry to an installed model: download, unpack with distrust, put in place in one step."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from ivr.domain.errors import CallerFault, Unavailable
from ivr.speech.model_download import DownloadPatience, Progress, discard_download, download
from ivr.speech.models import KnownModel, ModelDamaged, missing_parts, write_receipt

_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """What a model's zip may unpack to at most; beyond that it is a bomb, not a model."""

    bytes: int = 16 << 30
    files: int = 2_000
    ratio: float = 100.0


async def fetch_model(
    model: KnownModel,
    state_dir: Path,
    progress: Progress,
    *,
    allow_unverified: bool = False,
    patience: DownloadPatience | None = None,
    limits: UnpackLimits | None = None,
) -> Path:
    """Install a model as ``STATE_DIR/models/NAME`` and return that folder; a failed fetch leaves the old one in use.

    Raises CallerFault for a model nobody vouched for unless ``allow_unverified``, Unavailable and ModelDamaged as
    ``download`` does, ModelDamaged also for a zip that is no model or wants to write elsewhere.
    """
    if not model.verified and not allow_unverified:
        raise CallerFault(
            f"{model.name} is unverified: its size and sha256 are not in the manifest, so a wrong download would not "
            f"be noticed. Add them to the manifest, or say --allow-unverified"
        )
    models = state_dir / "models"
    try:
        await asyncio.to_thread(models.mkdir, parents=True, exist_ok=True)
    except OSError as problem:
        raise Unavailable(f"{models}: cannot be made ({problem.strerror}); check IVR_STATE_DIR") from problem
    with _only_one(models):
        part, digest = await download(model, state_dir / "cache" / "downloads", progress, patience)
        try:
            target = await asyncio.to_thread(_install, model, part, digest, models, progress, limits or UnpackLimits())
        except ModelDamaged:
            await asyncio.to_thread(discard_download, part)
            raise
        await asyncio.to_thread(discard_download, part)
    return target


@contextmanager
def _only_one(models: Path) -> Iterator[None]:
    """Two fetches at once would write the same files."""
    with (models / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable("another 'ivr models fetch' is running; wait until it has ended") from None
        yield


def _install(
    model: KnownModel, archive: Path, digest: str, models: Path, progress: Progress, limits: UnpackLimits
) -> Path:
    for leftover in models.glob(".incoming-*"):  # of a fetch that was killed; nobody else holds the lock
        shutil.rmtree(leftover, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=".incoming-", dir=models))
    target, old = models / model.name, staging / "replaced"
    try:
        unpack(archive, staging / "new", limits, progress)
        found = _model_folder(staging / "new", model.name)
        write_receipt(found, model, digest)
        os.sync()
        if target.exists():
            target.rename(old)
        try:
            found.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
        return target
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unavailable(f"the disk of {models} is full; make room and run it again, nothing is lost") from problem
        raise Unavailable(f"{model.name}: cannot be installed in {models} ({problem})") from problem
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _model_folder(unpacked: Path, name: str) -> Path:
    """The folder with the model in it: the zip's only folder, or the zip itself."""
    inside = [p for p in unpacked.iterdir() if p.is_dir()]
    candidates = [unpacked / name, unpacked, *(inside if len(inside) == 1 else [])]
    for candidate in candidates:
        if candidate.is_dir() and not missing_parts(candidate):
            return candidate
    missing = missing_parts(inside[0] if len(inside) == 1 else unpacked)
    raise ModelDamaged(f"{name}: the zip holds no Vosk model ({', '.join(missing)} missing)")


def unpack(archive: Path, target: Path, limits: UnpackLimits, progress: Progress) -> None:
    """Unpack a zip below ``target`` and nowhere else; raises ModelDamaged for what is broken, hostile or too big.

    The sizes a zip announces are checked first and the bytes that really come are counted, for the former may lie.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [m for m in opened.infolist() if not m.is_dir()]
            _refuse_bomb(members, archive, target, limits)
            total, done = sum(m.file_size for m in members), 0
            for member in members:
                path = target / _safe_name(member)
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as source, path.open("xb") as sink:
                    while block := source.read(_BLOCK):
                        done += len(block)
                        if done > total:
                            raise ModelDamaged(f"{archive.name}: unpacks to more than it announces")
                        sink.write(block)
                        progress("unpacking", done, total)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, FileExistsError) as problem:
        raise ModelDamaged(f"{archive.name}: is no whole zip file ({problem}); fetch it again") from problem


def _refuse_bomb(members: list[zipfile.ZipInfo], archive: Path, target: Path, limits: UnpackLimits) -> None:
    total = sum(m.file_size for m in members)
    if len(members) > limits.files or total > limits.bytes or total > limits.ratio * max(archive.stat().st_size, 1):
        raise ModelDamaged(f"{archive.name}: would unpack to {len(members)} files and {total} bytes, far from a model")
    free = shutil.disk_usage(target.parent).free
    if total > free:
        raise Unavailable(f"unpacking needs {total >> 20} MB, {target.parent} has {free >> 20} MB free; make room")


def _safe_name(member: zipfile.ZipInfo) -> PurePosixPath:
    """The member's path if it stays below the target; links, drives, ``..`` and absolute paths are refused."""
    path = PurePosixPath(member.filename)
    mode = member.external_attr >> 16
    hostile = path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename
    if hostile or not path.parts or (mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG)):
        raise ModelDamaged(f"the zip wants to write {member.filename!r} outside its folder, or as a link; refused")
    return path
