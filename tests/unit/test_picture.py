"""What is kept as a picture is decoded first: bytes that are none, or more than one, are refused whatever is said of them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image

from ivr.domain.errors import NotFound
from ivr.domain.picture import MOST_BYTES, PictureRefused, is_picture_path, path_of
from ivr.storage.picture_files import PictureFiles, decode


def picture(kind: str = "PNG", size: tuple[int, int] = (640, 360)) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", size, "#12304f").save(held, kind)
    return held.getvalue()


@pytest.mark.parametrize(("kind", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_what_it_is_is_found_by_decoding(kind: str, media_type: str) -> None:
    found = decode(picture(kind))
    assert (found.media_type, found.width, found.height) == (media_type, 640, 360)


@pytest.mark.parametrize("data", [
    b"", b"\x89PNG\r\n\x1a\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", picture("GIF"), picture("BMP"), picture("WEBP"),
    picture()[:-30], picture()[:60] + b"\0" * 40 + picture()[100:], picture() + b"PK\x03\x04", picture("JPEG")[:-2], picture("JPEG") + b"<script>",
    picture(size=(8, 8)), picture(size=(5000, 20)), b"\0" * (MOST_BYTES + 1),
], ids=lambda data: f"{len(data)}-{hashlib.sha256(data).hexdigest()[:6]}")  # fmt: skip
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(PictureRefused):
        decode(data)


def test_a_picture_that_would_fill_the_memory_is_refused_before_it_is_decoded() -> None:
    data = bytearray(picture())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    with pytest.raises(PictureRefused):
        decode(bytes(data))


def test_a_file_is_whole_is_read_back_as_it_was_and_lies_nowhere_else(tmp_path: Path) -> None:
    files, data = PictureFiles(tmp_path), picture()
    digest = hashlib.sha256(data).digest()
    path = path_of("b1-1700000001.1/../..", "20261126", digest, "image/png")
    assert is_picture_path(path) and path.count("/") == 2
    files.write(path, data)
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()] == [path]
    assert (tmp_path / path).stat().st_mode & 0o777 == 0o640 and files.read(path, digest) == data
    (tmp_path / path).write_bytes(data + b"x")
    with pytest.raises(NotFound):
        files.read(path, digest)
    (tmp_path / path).unlink()
    (tmp_path / path).symlink_to("/etc/hostname")
    for asked in (path, "pictures/20261126/../../x.png", "../x", "20261126/a-caller.wav"):
        with pytest.raises(NotFound):
            files.read(asked, digest)
