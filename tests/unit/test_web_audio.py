"""Byte ranges and confinement of paths."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.errors import NotFound
from ivr.web.audio import confined
from ivr.web.byte_ranges import Slice, Unsatisfiable, parse_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("bytes=0-0", Slice(0, 1)),
        ("bytes=2-", Slice(2, 10)),
        ("bytes=-3", Slice(7, 10)),
        ("bytes=-30", Slice(0, 10)),
        ("bytes=3-99", Slice(3, 10)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=0-1,4-5", None),
        ("bytes=٠-٩", None),
        ("bytes=0-9" + "9" * 30, None),
    ],
)
def test_one_range_of_ten_bytes(header: str | None, expected: Slice | None) -> None:
    assert parse_range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=11-12", "bytes=-0"])
def test_outside(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, 10)


@given(st.text(max_size=30) | st.from_regex(r"bytes=\d{0,5}-\d{0,5}", fullmatch=True), st.integers(0, 2000))
def test_a_slice_lies_within(header: str, size: int) -> None:
    try:
        part = parse_range(header, size)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part.start < part.end <= size


@pytest.mark.parametrize("relative", ["../x", "/etc/passwd", "a/../../x", ".", "", "..", "a/..", "a\0b", "out/x"])
def test_no_path_leads_outside(tmp_path: Path, relative: str) -> None:
    root = tmp_path / "recordings"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    with pytest.raises(NotFound):
        confined(root, relative)


def test_a_path_inside(tmp_path: Path) -> None:
    assert confined(tmp_path, "2026/../a/b.wav") == tmp_path.resolve() / "a/b.wav"
