"""What a newcomer meets when `ivr run` cannot start: one message that says what to do, nothing left running or half made."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.hotline import RunningHotline, database_owner_exists

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="function")]


@pytest.fixture
def unstarted() -> Iterator[RunningHotline]:
    """A configured product that was never started."""
    made = RunningHotline(prepared=False)
    yield made
    left = made.left_behind()
    made.remove()
    assert left == []


async def refused(product: RunningHotline, *told: str) -> str:
    """`ivr run` ends by itself with status 1 and one message that holds each of these words; returns it."""
    said = await product.cli("run", succeed=False)
    assert "Traceback" not in said and said.count("✗") == 1, said
    assert said.startswith("✗ "), f"something was said before the reason: {said}"
    for words in told:
        assert words in said, said
    state = Path(product.environment["IVR_STATE_DIR"])
    assert not state.is_dir() or {p.name for p in state.iterdir()} <= {"log", "running.lock"}, "half a state folder is left"
    return said


@pytest.mark.parametrize(("kind", "setting"), [(socket.SOCK_STREAM, "web.port"), (socket.SOCK_DGRAM, "asterisk.sip_port")])
async def test_a_port_in_use(unstarted: RunningHotline, kind: socket.SocketKind, setting: str) -> None:
    settings = unstarted.settings
    port = settings.web.port if setting == "web.port" else settings.asterisk.sip_port
    with socket.socket(type=kind) as holder:
        holder.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        await refused(unstarted, str(port), setting, f"IVR_{setting.upper().replace('.', '__')}=")


@pytest.mark.parametrize(("text", "told"), [
    ("[web\n", ("is not TOML", "line 1")),
    ("[web]\nprot = 1\n", ("web.prot",)),
    ('[web]\nhost = "0.0.0.0"\n', ("web.host 0.0.0.0", "web.tls")),
    ('[[trunks]]\nname = "c"\nhost = "192.0.2.1"\nmode = "registration"\n', ("trunk c", "user and secret_file")),
    ('[[trunks]]\nname = "c"\nhost = "192.0.2.1"\nsrtp = true\n', ("trunk c", "transport = tls")),
    ('[[trunks]]\nname = "c"\nhost = "192.0.2.1"\ntransport = "tls"\n', ("trunk c", "asterisk.sip_tls_port")),
    ('[[trunks]]\nname = "c"\nhost = "192.0.2.1"\nmatch = ["x.y"]\n', ("match", "x.y")),
    ('[asterisk]\nsip_host = "0.0.0.0"\n', ("asterisk.sip_host", "address")),
])
async def test_wrong_settings(unstarted: RunningHotline, text: str, told: tuple[str, ...]) -> None:
    unstarted.file.write_text(text)
    await refused(unstarted, str(unstarted.file), *told)


async def test_a_trunk_secret_that_is_not_there(unstarted: RunningHotline) -> None:
    with unstarted.file.open("a") as more:
        more.write('[[trunks]]\nname = "c"\nhost = "192.0.2.1"\nmode = "registration"\nuser = "u"\nsecret_file = "/nowhere/s"\n')
    await refused(unstarted, "/nowhere/s")


async def test_a_missing_model_folder(unstarted: RunningHotline) -> None:
    unstarted.environment["IVR_SPEECH__MODEL"] = "/nowhere/model"
    await refused(unstarted, "/nowhere/model")


async def test_folders_that_are_files(unstarted: RunningHotline) -> None:
    file = unstarted.folder / "file"
    file.write_text("")
    for variable in ("IVR_STATE_DIR", "IVR_RECORDINGS_DIR"):
        for path in (file, file / "below"):
            before = unstarted.environment[variable]
            unstarted.environment[variable] = str(path)
            await refused(unstarted, f"{file} is a file", variable)
            unstarted.environment[variable] = before
    assert file.read_text() == ""


@pytest.mark.skipif(os.geteuid() != 0 or not database_owner_exists(), reason="only root's database runs as somebody else")
async def test_a_state_folder_below_a_private_folder(unstarted: RunningHotline) -> None:
    private = unstarted.folder / "private"
    private.mkdir(mode=0o700)
    unstarted.environment["IVR_STATE_DIR"] = str(private / "state")
    await refused(unstarted, f"{private} is closed to other users", "IVR_STATE_DIR", "IVR_DATABASE_URL")


@pytest.mark.parametrize("url", ["postgresql://ivr:not-told@127.0.0.1:1/ivr", "nonsense", "mysql://not-told@127.0.0.1/x"])
async def test_a_database_that_cannot_be_reached(unstarted: RunningHotline, url: str) -> None:
    unstarted.environment["IVR_DATABASE_URL"] = url
    said = await refused(unstarted, "IVR_DATABASE_URL")
    assert "not-told" not in said


async def test_a_missing_asterisk(unstarted: RunningHotline) -> None:
    unstarted.environment["IVR_ASTERISK__ROOT"] = "/nowhere/asterisk"
    await refused(unstarted, "asterisk.root /nowhere/asterisk")


@pytest.mark.parametrize(("certificate", "told"), [
    (None, "does not exist"), ("half", "PEM"), ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "PEM"),
])
async def test_certificate_files_that_cannot_be_used(unstarted: RunningHotline, certificate: str | None, told: str) -> None:
    file = unstarted.folder / "office.pem"
    if certificate is not None:
        file.write_text(certificate)
    unstarted.environment |= {
        "IVR_WEB__TLS": "files", "IVR_WEB__CERTIFICATE": str(file), "IVR_WEB__KEY": str(file),
    }
    await refused(unstarted, str(file), told)


async def test_a_second_start_on_the_same_state_folder(unstarted: RunningHotline) -> None:
    await unstarted.start()
    assert unstarted.process is not None
    try:
        said = await unstarted.cli("run", succeed=False)
        assert said.count("✗") == 1 and "already runs" in said and f"process {unstarted.process.pid}" in said, said
        # Other ports would not help: the two would share one database folder and one ledger.
        unstarted.environment |= {"IVR_WEB__PORT": "2", "IVR_ASTERISK__SIP_PORT": "4", "IVR_ASTERISK__AMI_PORT": "3"}
        assert "already runs" in await unstarted.cli("run", succeed=False)
        assert unstarted.process.poll() is None
    finally:
        assert await unstarted.stop() == []
