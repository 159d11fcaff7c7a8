"""Secrets between the exchange and its clients: random, made once per install, kept outside the clone, mode 0600."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ivr.domain.errors import BadSetting


@dataclass(frozen=True, slots=True)
class Credentials:
    """AMI and SIP secrets by name."""

    ami_controller: str
    ami_probe: str
    endpoints: dict[str, str]


def load_credentials(file: Path, endpoints: Iterable[str]) -> Credentials:
    """Read the secrets, making those that are missing; a file others can read is refused, not repaired in silence."""
    kept: dict[str, str] = {}
    if file.exists():
        if file.stat().st_mode & 0o077:
            raise BadSetting(f"{file} can be read by others; run `chmod 600 {file}`, or delete it to make new secrets")
        kept = _read(file)
    wanted = ["ami:controller", "ami:probe", *(f"sip:{e}" for e in endpoints)]
    missing = [name for name in wanted if name not in kept]
    if missing:
        kept.update({name: secrets.token_urlsafe(24) for name in missing})
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.unlink(missing_ok=True)  # one left by a crash would keep its own mode
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(kept, out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        fresh.rename(file)
    return Credentials(
        kept["ami:controller"], kept["ami:probe"], {n[4:]: s for n, s in kept.items() if n.startswith("sip:")}
    )


def _read(file: Path) -> dict[str, str]:
    try:
        kept = json.loads(file.read_text())
    except ValueError:
        kept = None
    if not isinstance(kept, dict) or not all(isinstance(secret, str) and secret for secret in kept.values()):
        raise BadSetting(f"{file} is broken; restore it, or delete it to make new secrets (phones then need theirs again)")
    return kept
