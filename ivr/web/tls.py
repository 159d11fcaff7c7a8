"""TLS for pages and the secure WebSocket: given certificate files, or a local authority of our own.

The authority is made once per install and may sign nothing but this server's certificates (path length 0). Its key
never leaves the state folder; office PCs import its certificate once (docs/how-to/tls.md). Everything here reads or
writes files and computes keys: run it before the event loop starts, or in a thread.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ivr.domain.errors import BadSetting

CA_LIFETIME = timedelta(days=3650)
SERVER_LIFETIME = timedelta(days=397)  # browsers refuse server certificates that live longer than 398 days
RENEW_BEFORE = timedelta(days=30)
_BACKDATED = timedelta(hours=1)  # office PCs' clocks are rarely right


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """Where the pieces are; ``ca`` is the file to import on office PCs, None when the files were given."""

    certificate: Path
    key: Path
    ca: Path | None
    expires_at: datetime


def given_certificate(certificate: Path, key: Path) -> ServerCertificate:
    """Certificate chain and key from files; BadSetting when they are missing, broken, expired or do not fit."""
    context = _load(certificate, key)
    del context
    leaf = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    if leaf.not_valid_after_utc <= datetime.now(UTC):
        raise BadSetting(f"The certificate {certificate} expired on {leaf.not_valid_after_utc:%Y-%m-%d}. Renew it.")
    return ServerCertificate(certificate, key, None, leaf.not_valid_after_utc)


def local_certificate(folder: Path, names: Sequence[str], *, now: datetime | None = None) -> ServerCertificate:
    """A certificate of the local authority for these host names and addresses, made or renewed when needed.

    Renewed when it runs out within 30 days, when the names changed, or when the authority was replaced.
    """
    if not names:
        raise BadSetting("A local certificate needs at least one host name or address under which browsers reach it.")
    now = now or datetime.now(UTC)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_certificate, ca_key = _authority(folder, now)
    paths = folder / "server.crt", folder / "server.key"
    wanted = _alternative_names(names)
    present = _present(*paths)
    if (
        present is None
        or present.not_valid_after_utc - now < RENEW_BEFORE
        or present.issuer != ca_certificate.subject
        or not _signed_by(present, ca_certificate)
        or set(present.extensions.get_extension_for_class(x509.SubjectAlternativeName).value) != set(wanted)
    ):
        present = _issue(paths, wanted, ca_certificate, ca_key, now)
    return ServerCertificate(*paths, folder / "ca.crt", present.not_valid_after_utc)


def server_context(certificate: ServerCertificate) -> ssl.SSLContext:
    """TLS 1.2 or newer, forward secret ciphers only."""
    return _load(certificate.certificate, certificate.key)


def _load(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        # An encrypted key would make OpenSSL ask on the terminal and hang a service: refuse it instead.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except FileNotFoundError as error:
        missing = next((p for p in (certificate, key) if not p.exists()), certificate)
        raise BadSetting(f"The TLS file {missing} does not exist.") from error
    except (ssl.SSLError, OSError, ValueError) as error:
        raise BadSetting(
            f"The TLS certificate {certificate} and key {key} cannot be used: {error}."
            " They must be PEM, fit each other, and the key must not be encrypted."
        ) from error
    return context


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The local authority, made on first use and again when it has run out (browsers must then import the new one)."""
    certificate_path, key_path = folder / "ca.crt", folder / "ca.key"
    present = _present(certificate_path, key_path)
    if present is not None and present.not_valid_after_utc - now > SERVER_LIFETIME:
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return present, key
    key = ec.generate_private_key(ec.SECP256R1())
    made_on = f"{now:%Y-%m-%d %H:%M}"
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "12348 hotline"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"12348 hotline local authority {made_on}"),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(key_path, _pem(key), 0o600)
    _write(certificate_path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate, key


def _issue(
    paths: tuple[Path, Path],
    names: Sequence[x509.GeneralName],
    ca_certificate: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "12348 hotline")]))
        .issuer_name(ca_certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(min(now + SERVER_LIFETIME, ca_certificate.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write(paths[1], _pem(key), 0o600)
    _write(paths[0], certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate


def _alternative_names(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            found.append(x509.IPAddress(ip_address(name)))
            continue
        except ValueError:
            pass
        try:
            found.append(x509.DNSName(name.encode("idna").decode("ascii").lower()))
        except (UnicodeError, ValueError) as error:
            raise BadSetting(f"{name!r} is no host name and no address a certificate can hold.") from error
    return found


def _present(certificate: Path, key: Path) -> x509.Certificate | None:
    """The certificate when both files are there, readable and fit each other; half-written pairs are made anew."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        secret = serialization.load_pem_private_key(key.read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return found if found.public_key() == secret.public_key() else None


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except Exception:
        return False
    return True


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """Written beside and renamed, with its mode from the first byte on: a key is never readable by others."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
