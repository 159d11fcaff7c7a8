"""A database that was set up once: each product of a test process begins with a copy of it instead of making its own.

Making one (initdb and every migration) is what the first start of an installation does; tests/e2e/test_demo.py and
test_run_errors.py go through it. Everywhere else it would only be waited for, some seventy times.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from pathlib import Path

from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.migrate import migrate

_made: list[Path] = []


async def copy_prepared_database(state: Path) -> None:
    """Put a database with the schema of this version into an empty state folder, as a stopped server leaves it."""
    if not _made:
        _made.append(await _make())
    source = _made[0]
    state.mkdir(mode=0o755)
    (state / "pg-programs-18").symlink_to(source / "pg-programs-18")
    subprocess.run(["cp", "-a", str(source / "pg"), str(state / "pg")], check=True, timeout=60)


async def _make() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ivr-prepared-", dir="/var/tmp"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = EmbeddedPostgres(folder / "pg")
    try:
        await migrate(await database.start())
    finally:
        await database.stop()
    return folder
