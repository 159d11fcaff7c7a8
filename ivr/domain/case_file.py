"""A case as one ZIP: how its list of checksums reads, and what is wrong with an archive that was handed on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

CHECKSUMS: Final = "SHA256SUMS"
_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S.*)")


def checksum_lines(digests: Mapping[str, str]) -> str:
    """As ``sha256sum --check`` reads them: the digest in hex, two spaces, the name."""
    return "".join(f"{digest}  {name}\n" for name, digest in digests.items())


def parse_checksums(text: str) -> dict[str, str] | None:
    """Name → digest; None when a line is none, or a name comes twice."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None or match[2] in found:
            return None
        found[match[2]] = match[1]
    return found


def faults(told: Mapping[str, str] | None, lies: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """What is wrong, for people; nothing when every file is there once, is as it was, and none came to it."""
    if told is None:
        return [f"{CHECKSUMS}：没有，或读不懂"]
    listed = [name for name in names if name != CHECKSUMS]
    found = [f"{name}：缺少" for name in told if name not in lies]
    found += [f"{name}：内容被改动" for name, digest in told.items() if name in lies and lies[name] != digest]
    found += [f"{name}：不在清单里" for name in dict.fromkeys(listed) if name not in told]
    return found + [f"{name}：出现多次" for name in dict.fromkeys(listed) if listed.count(name) > 1]
