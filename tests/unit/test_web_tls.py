"""The local authority, its certificates, and given files."""

from __future__ import annotations

import asyncio
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from ivr.domain.errors import BadSetting
from ivr.web.tls import given_certificate, local_certificate, server_context

NAMES = ["hotline.office", "192.168.1.5", "::1", "localhost"]


def serial(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


def test_made_once_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    made = local_certificate(folder, NAMES)
    assert made.ca is not None and stat.S_IMODE(folder.stat().st_mode) == 0o700
    for key in ("ca.key", "server.key"):
        assert stat.S_IMODE((folder / key).stat().st_mode) == 0o600
    before = serial(made.certificate), serial(made.ca)
    again = local_certificate(folder, [*reversed(NAMES)])
    assert (serial(again.certificate), serial(folder / "ca.crt")) == before
    assert not list(folder.glob(".*.new"))


def test_renewed_when_near_its_end_or_when_names_change(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    first = serial(local_certificate(tmp_path, NAMES).certificate)
    authority = serial(tmp_path / "ca.crt")
    assert serial(local_certificate(tmp_path, NAMES, now=now + timedelta(days=366)).certificate) == first
    second = serial(local_certificate(tmp_path, NAMES, now=now + timedelta(days=368)).certificate)
    assert second != first
    third = serial(local_certificate(tmp_path, ["other"], now=now + timedelta(days=368)).certificate)
    assert third != second and serial(tmp_path / "ca.crt") == authority
    late = local_certificate(tmp_path, ["other"], now=now + timedelta(days=3300))
    assert serial(tmp_path / "ca.crt") != authority and late.expires_at > now + timedelta(days=3600)


@pytest.mark.parametrize("broken", ["server.key", "server.crt", "ca.key", "ca.crt"])
def test_a_broken_or_missing_file_is_made_anew(tmp_path: Path, broken: str) -> None:
    local_certificate(tmp_path, NAMES)
    (tmp_path / broken).write_bytes(b"half")
    server_context(local_certificate(tmp_path, NAMES))
    (tmp_path / broken).unlink()
    server_context(local_certificate(tmp_path, NAMES))


@pytest.mark.parametrize("names", [[], ["a" * 70 + ".office"], [".."]])
def test_impossible_names_are_refused(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(BadSetting):
        local_certificate(tmp_path, names)


def test_given_files_are_checked(tmp_path: Path) -> None:
    made = local_certificate(tmp_path / "a", NAMES)
    other = local_certificate(tmp_path / "b", NAMES)
    assert given_certificate(made.certificate, made.key).ca is None
    with pytest.raises(BadSetting, match="does not exist"):
        given_certificate(tmp_path / "no.crt", made.key)
    with pytest.raises(BadSetting, match="cannot be used"):
        given_certificate(made.certificate, other.key)
    old = local_certificate(tmp_path / "c", NAMES, now=datetime.now(UTC) - timedelta(days=500))
    with pytest.raises(BadSetting, match="expired"):
        given_certificate(old.certificate, old.key)


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["hotline.office", "192.168.1.5"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_browser_that_trusts_the_authority_connects(tmp_path: Path, name: str, version: ssl.TLSVersion) -> None:
    made = local_certificate(tmp_path, NAMES)
    server = await asyncio.start_server(lambda _, w: w.close(), "127.0.0.1", 0, ssl=server_context(made))
    port = server.sockets[0].getsockname()[1]
    trusting = ssl.create_default_context(cafile=str(made.ca))
    trusting.maximum_version = version
    async with server:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=name)
        assert writer.get_extra_info("ssl_object").version() == version.name.replace("v1_", "v1.")
        writer.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="evil.example")
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context(), server_hostname=name)
