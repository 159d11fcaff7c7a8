"""Pictures as files under the recordings folder: decoded before they are kept, written whole or not at all, read back as kept."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from pathlib import Path

from PIL import Image

from ivr.domain.errors import NotFound, Unavailable
from ivr.domain.picture import MOST_BYTES, Decoded, MediaType, PictureRefused, demand_sides, is_picture_path

_KINDS: dict[str, MediaType] = {"PNG": "image/png", "JPEG": "image/jpeg"}
# A file that goes on behind its end is two files: what is behind would be kept, and handed on, unseen.
_ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}
_NO_PICTURE = "这不是 PNG 或 JPEG 图片，或者已损坏。"


def decode(data: bytes) -> Decoded:
    """What the bytes are, by decoding all of them; PictureRefused for anything but one whole PNG or JPEG of a camera's size."""
    if len(data) > MOST_BYTES:
        raise PictureRefused(f"图片不能大于 {MOST_BYTES // 1024 // 1024} MB。")
    try:
        with Image.open(io.BytesIO(data), formats=tuple(_KINDS)) as image:
            kind, (width, height) = str(image.format), image.size
            demand_sides(width, height)  # before memory is taken for the pixels
            if getattr(image, "n_frames", 1) != 1 or kind not in _KINDS or not data.endswith(_ENDS[kind]):
                raise PictureRefused(_NO_PICTURE)
            image.load()
    except PictureRefused:
        raise
    except Exception as broken:  # Pillow raises many kinds for bytes that are wrong, struct.error and SyntaxError among them
        raise PictureRefused(_NO_PICTURE) from broken
    return Decoded(_KINDS[kind], width, height)


class PictureFiles:
    """Files under the recordings folder; every method touches the disk and belongs in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, path: str, data: bytes) -> None:
        """Under another name, to the disk, then under its own: a crash leaves no half of a picture. Mode 0640."""
        target = self._target(path)
        fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(target)
            directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as away:
            fresh.unlink(missing_ok=True)
            raise Unavailable("The picture cannot be written to disk now. Try again.") from away

    def read(self, path: str, sha256: bytes) -> bytes:
        """The bytes, if they still have this digest; no link is followed."""
        try:
            handle = os.open(self._target(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                data = file.read(MOST_BYTES + 1)
        except OSError as gone:
            raise NotFound("The picture is not on disk. Tell an administrator.") from gone
        if hashlib.sha256(data).digest() != sha256:
            raise NotFound("The picture on disk is not what was kept. Tell an administrator.")
        return data

    def _target(self, path: str) -> Path:
        if not is_picture_path(path):
            raise NotFound("The picture is not where it should be. Tell an administrator.")
        return self._folder / path
