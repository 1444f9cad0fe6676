"""TLS: the certificate of the settings or one of our own making, read anew when its files change."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .background import Background
from .config import ConfigError, Settings, TlsSettings

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
RENEW_EVERY_S = 3600.0
LASTS = timedelta(days=397)
"""Browsers take no certificate that lasts longer than 398 days."""

RENEWED_BEFORE = timedelta(days=30)


class Tls(Background):
    """The certificate in use. Open it in a context manager; ``context`` is what a site listens with."""

    def __init__(self, settings: TlsSettings, folder: Path, names: Iterable[str]) -> None:
        """``folder``: for a certificate of our own making, for these ``names``. Raises ConfigError."""
        super().__init__("tls")
        self._names = sorted(set(names)) if settings.self_made else []
        self._certificate, self._key = _files(settings, folder)
        self._seen: object = None
        try:
            self._renew()
            self.context = _context(self._certificate, self._key)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"The certificate {self._certificate} and the key {self._key} cannot be used: {_words(error)}."
            ) from error
        self._seen = self._state()

    async def __aenter__(self) -> Self:
        return await super().__aenter__()

    async def work(self) -> None:
        """See :class:`server.background.Background`."""
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                if loop.time() - renewed >= RENEW_EVERY_S:
                    renewed = loop.time()
                    await asyncio.to_thread(self._renew)
                await asyncio.to_thread(self._reload)
            except (OSError, ValueError) as error:
                log.error("the certificate cannot be renewed: %s", _words(error))

    def _reload(self) -> None:
        """Take changed files into use, for all connections that come from now on; broken ones leave what is in use."""
        if (state := self._state()) == self._seen:
            return
        self._seen = state
        try:
            _context(self._certificate, self._key)  # tried apart: half a pair would be left in the one in use
            self.context.load_cert_chain(self._certificate, self._key, password=_no_password)
        except (OSError, ValueError) as error:
            log.error("the new certificate %s is not taken, the old one stays: %s", self._certificate, _words(error))
        else:
            log.info("the certificate %s was read anew", self._certificate)

    def _state(self) -> object:
        found = []
        for path in (self._certificate, self._key):
            try:
                stat = path.stat()
                found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
            except OSError:
                found.append((0, 0, 0))
        return found

    def _renew(self) -> None:
        """Make a certificate where ours is not there, is soon at its end or lacks a name."""
        if not self._names or self._is_good():
            return
        self._certificate.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        certificate, key = self_made(self._names, datetime.now(UTC))
        _write(self._key, key, 0o600)
        _write(self._certificate, certificate, 0o644)
        log.info("a certificate was made for %s", ", ".join(self._names))

    def _is_good(self) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate(self._certificate.read_bytes())
            _context(self._certificate, self._key)
        except (OSError, ValueError):
            return False
        lasts = certificate.not_valid_after_utc - datetime.now(UTC) > RENEWED_BEFORE
        return lasts and set(self._names) <= _names_in(certificate)


def self_made(names: Iterable[str], now: datetime) -> tuple[bytes, bytes]:
    """A new certificate for names and addresses, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Vigie")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now - timedelta(hours=1) + LASTS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), pem


def names_of(settings: Settings) -> set[str]:
    """By which names and addresses this server may be reached."""
    names = {"localhost", "127.0.0.1", "::1", *settings.tls.names, *own_addresses()}
    host = socket.gethostname()
    if host.isascii():
        names.add(host.lower())
    if settings.host not in ("", "0.0.0.0", "::"):
        names.add(settings.host.lower())
    if settings.public_url and (public := urlsplit(settings.public_url).hostname):
        names.add(public)
    return names


@dataclass(frozen=True, slots=True)
class Shown:
    """What a certificate says. ``renewed``: by Vigie itself; ``lacks``: names it should have and has not."""

    file: Path
    since: datetime
    until: datetime
    issuer: str
    self_made: bool
    renewed: bool
    lacks: tuple[str, ...]


def shown_certificate(settings: Settings) -> Shown | None:
    """What the certificate of the settings says; None where it is still to be made. Raises OSError or ValueError with
    whole words where it or its key cannot be used. Blocks the caller."""
    file, key = _files(settings.tls, settings.data_dir / "tls")
    if settings.tls.self_made and not file.exists():
        return None
    try:
        found = x509.load_pem_x509_certificate(file.read_bytes())
        _context(file, key)
    except (OSError, ValueError) as error:
        raise ValueError(f"The certificate {file} and the key {key} cannot be used: {_words(error)}") from error
    wanted = {urlsplit(settings.public_url or "").hostname, *settings.tls.names}
    if settings.host not in ("", "0.0.0.0", "::", "localhost", "127.0.0.1", "::1"):
        wanted.add(settings.host.lower())
    names = _names_in(found)
    return Shown(
        file,
        found.not_valid_before_utc,
        found.not_valid_after_utc,
        _plain_name(found.issuer),
        found.issuer == found.subject,
        settings.tls.self_made,
        tuple(sorted(name for name in wanted if name and not _covers(names, name))),
    )


def own_addresses() -> list[str]:
    """The addresses by which other machines reach this one: of each family, that of its way out."""
    found = []
    for family, away in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((away, 9))  # sends nothing: it only asks for the route
                found.append(str(probe.getsockname()[0]))
        except OSError:
            continue
    return [address for address in found if not ip_address(address).is_loopback]


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key, password=_no_password)
    return context


def _files(settings: TlsSettings, folder: Path) -> tuple[Path, Path]:
    """Certificate and key: those of the settings, or where those of our own making lie."""
    return settings.certificate or folder / "certificate.pem", settings.key or folder / "key.pem"


def _names_in(certificate: x509.Certificate) -> set[str]:
    """The names and addresses that it is for."""
    try:
        has = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {*has.get_values_for_type(x509.DNSName), *map(str, has.get_values_for_type(x509.IPAddress))}


def _covers(names: set[str], name: str) -> bool:
    """Whether a name is one of these; a star stands for its first part (RFC 9525, section 6.3)."""
    first, dot, rest = name.lower().partition(".")
    return bool({name.lower(), f"*{dot}{rest}" if dot and first else ""} & {known.lower() for known in names})


def _plain_name(name: x509.Name) -> str:
    """Who that is, in words of the certificate."""
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(oid):
            return str(found[0].value)
    return name.rfc4514_string()


def _no_password() -> str:
    """Without this, OpenSSL would ask for it on the terminal, and wait."""
    raise ValueError("the key has a password; give one without")


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode())


def _write(path: Path, data: bytes, mode: int) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}")  # whole or not at all
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return f"they do not go together, or are no PEM files ({error.reason or 'unreadable'})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
