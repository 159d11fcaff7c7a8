"""Codes of a second factor: by time (RFC 6238 over RFC 4226), and the ones kept on paper for the day the phone is lost.

Six digits, HMAC-SHA-1, 30 seconds: what every authenticator app does without being told. No library: the algorithm is a few
lines with published vectors, and what needs care (a code is good once, the neighbours of now) no library does for us.
"""

from __future__ import annotations

import base64
import hmac
import struct
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

STEP_S: Final = 30
DIGITS: Final = 6
NEIGHBOURS: Final = 1
"""Steps before and after now that are taken too: clocks of telephones differ, and people type."""

SECRET_BYTES: Final = 20
"""RFC 4226 asks for 160 bits."""

RECOVERY_CODES: Final = 10
_RECOVERY_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_RECOVERY_LENGTH: Final = 12


def step_at(unix_s: float) -> int:
    """The number of the 30-second step this moment lies in."""
    return int(unix_s // STEP_S)


def code_of(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of this step, with its leading zeros (RFC 4226 §5.3)."""
    digest = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    offset = digest[-1] & 0x0F
    (number,) = struct.unpack(">I", digest[offset : offset + 4])
    return str((number & 0x7FFF_FFFF) % 10**digits).zfill(digits)


def matching_step(secret: bytes, code: str, unix_s: float, *, after: int = 0) -> int | None:
    """The step this code belongs to, when that is now or its neighbour and later than ``after``, the last one taken.

    Kept as the next ``after``, the answer makes a code good once (RFC 6238 §5.2): neither it nor an older one is taken again.
    """
    now = step_at(unix_s)
    found = None
    for step in range(max(0, now - NEIGHBOURS, after + 1), now + NEIGHBOURS + 1):
        if hmac.compare_digest(code_of(secret, step).encode(), code.encode("utf-8", "replace")):
            found = step
    return found


def as_typed(code: str) -> str:
    """A code without the blanks and hyphens people type, letters large."""
    return "".join(c for c in code if not c.isspace() and c not in "-–—").upper()


def is_timed(code: str) -> bool:
    """Whether what was typed is a code by time; anything else may be one from paper."""
    return len(code) == DIGITS and code.isascii() and code.isdigit()


def secret_text(secret: bytes) -> str:
    """The secret as apps take it by hand: base32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def key_address(secret: bytes, issuer: str, account: str) -> str:
    """The ``otpauth`` address apps read from a QR code (Google Authenticator's key URI format)."""
    label = quote(f"{issuer}:{account}", safe="")
    return (
        f"otpauth://totp/{label}?secret={secret_text(secret)}&issuer={quote(issuer, safe='')}"
        f"&algorithm=SHA1&digits={DIGITS}&period={STEP_S}"
    )


def recovery_codes(noise: bytes) -> Iterator[str]:
    """Ten codes of 60 bits from 120 random bytes, in three groups of four: no letter that looks like a digit."""
    for number in range(RECOVERY_CODES):
        part = noise[number * _RECOVERY_LENGTH : (number + 1) * _RECOVERY_LENGTH]
        letters = "".join(_RECOVERY_LETTERS[byte % 32] for byte in part)
        yield "-".join(letters[i : i + 4] for i in range(0, _RECOVERY_LENGTH, 4))


RECOVERY_NOISE: Final = RECOVERY_CODES * _RECOVERY_LENGTH
