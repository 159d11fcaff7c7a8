"""`ivr case`: check an archive of a case that somebody handed on; needs no database and no settings."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from ivr.cli_terminal import out, plain_errors
from ivr.domain.case_file import CHECKSUMS, faults, parse_checksums
from ivr.domain.errors import BadSetting

case_app = typer.Typer(help="Archives of cases.", no_args_is_help=True)
_BLOCK = 1 << 20
_MOST_LIST_BYTES = 16 << 20


@case_app.callback()
def case() -> None:
    """Archives of cases."""


@case_app.command("verify")
def verify(file: Annotated[Path, typer.Argument(help="The ZIP as it was exported.")]) -> None:
    """Check that every file of the archive is there and unchanged; exit status 1 names what is not."""
    with plain_errors():
        try:
            wrong, names, about = _examine(file)
        except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as bad:
            raise BadSetting(f"{file}: is no whole ZIP archive ({bad}); it was cut off or is something else") from None
    for fault in wrong:
        out.print(Text(f"✗ {fault}", style="red"), soft_wrap=True)
    if wrong:
        raise typer.Exit(1)
    out.print(Text(f"✓ {names} 个文件与清单一致  {about}"), soft_wrap=True)


def _examine(file: Path) -> tuple[list[str], int, str]:
    with zipfile.ZipFile(file) as archive:
        names, lies = archive.namelist(), dict[str, str]()
        told = None
        if CHECKSUMS in names and archive.getinfo(CHECKSUMS).file_size <= _MOST_LIST_BYTES:
            told = parse_checksums(archive.read(CHECKSUMS).decode("utf-8", "replace"))
        for name in dict.fromkeys(names):
            if name != CHECKSUMS:
                try:
                    lies[name] = _digest(archive, name)
                except zipfile.BadZipFile:  # its own CRC does not fit
                    lies[name] = ""
        return faults(told, lies, names), len(lies), _about(archive) if not faults(told, lies, names) else ""


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with archive.open(name) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _about(archive: zipfile.ZipFile) -> str:
    """Which case it is, as the archive itself says."""
    try:
        about = json.loads(archive.read("about.json"))
        return f"工单 {about['order']}，{about['exported_at']} 由 {about['exported_by']} 导出"
    except (KeyError, ValueError, TypeError):
        return ""
