"""What every command shares on the terminal: output, errors, and the one-message rule."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast, get_args

import typer
from rich.console import Console
from rich.text import Text

from ivr.domain.errors import BadSetting, IvrError
from ivr.ports.analysis import ReportFormat

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Every expected error as one message that says what to do, and exit status 1; anything else is a fault of ours."""
    try:
        yield
    except* IvrError as group:
        for error in _leaves(group):
            err.print(Text("✗ ", style="red") + Text(str(error), style="default"), soft_wrap=True)
        raise typer.Exit(1) from None


def system_user() -> str:
    """Who sits at this terminal, as the audit trail names them: ``cli:`` and the system's user. BadSetting when it has no name."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError) as nobody:
        raise BadSetting("this system user has no name, and the audit trail needs one; set USER") from nobody


def _leaves(group: BaseExceptionGroup[IvrError]) -> Iterator[IvrError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def report_format(file: Path) -> ReportFormat:
    """The format a file's name asks for; BadSetting for another one."""
    kind = file.suffix[1:]
    if kind not in get_args(ReportFormat):
        raise BadSetting(f"{file}: the report is written as .xlsx, .docx or .pdf; choose such a name")
    return cast("ReportFormat", kind)
