"""Certificates: made, renewed, read anew when they change, and never replaced by something broken."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from cryptography import x509

from server import tls as module
from server.config import ConfigError, TlsSettings, load_settings
from server.tls import LASTS, RENEWED_BEFORE, Tls, names_of, self_made

from .support.certificates import Certificates, certificates
from .support.server import Server, serving
from .support.waiting import eventually

NAMES = {"localhost", "127.0.0.1", "vigie.example"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.05)


async def serial(server: Server) -> int:
    """The serial number of the certificate that a new connection is shown."""
    port = int(server.url.rpartition(":")[2])
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return x509.load_der_x509_certificate(shown).serial_number


def serial_of(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


def put(made: Certificates, certificate: Path, key: Path) -> None:
    """In place of what is there, each whole or not at all."""
    for new, old in ((made.key, key), (made.certificate, certificate)):
        shutil.copy(new, new.with_suffix(".new"))
        new.with_suffix(".new").replace(old)


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[Certificates, Certificates]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    return certificates(tmp_path / "one"), certificates(tmp_path / "two")


@pytest_asyncio.fixture
async def own(
    pairs: tuple[Certificates, Certificates], data_dir: Path, tmp_path: Path
) -> AsyncIterator[tuple[Server, Path, Path]]:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    put(pairs[0], certificate, key)
    settings = {"certificate": str(certificate), "key": str(key)}
    async with serving(data_dir, warm=False, tls=settings) as server:
        yield server, certificate, key


async def test_a_client_that_trusts_the_authority_gets_in(
    own: tuple[Server, Path, Path], pairs: tuple[Certificates, Certificates]
) -> None:
    server, _, _ = own
    assert server.url.startswith("https://")
    context = ssl.create_default_context(cafile=str(pairs[0].authority))
    url = server.url.replace("127.0.0.1", "localhost")
    async with aiohttp.ClientSession() as http, http.get(f"{url}/healthz", ssl=context) as answer:
        assert await answer.text() == "ok"


async def test_a_new_pair_is_taken_without_a_restart_and_a_broken_one_is_not(
    own: tuple[Server, Path, Path], pairs: tuple[Certificates, Certificates], caplog: pytest.LogCaptureFixture
) -> None:
    server, certificate, key = own
    first, second = (serial_of(pair.certificate) for pair in pairs)
    assert await serial(server) == first
    put(pairs[1], certificate, key)

    async def shows_the_second() -> bool:
        return await serial(server) == second

    await eventually(shows_the_second, "the new certificate")
    for broken in (pairs[0].key.read_bytes(), b"no key", b""):
        caplog.clear()
        key.write_bytes(broken)
        await eventually(lambda: "the old one stays" in caplog.text, "a word about it")
        assert await serial(server) == second
    key.unlink()
    caplog.clear()
    await eventually(lambda: "the old one stays" in caplog.text, "a word about it")
    assert await serial(server) == second
    assert "BEGIN" not in caplog.text
    put(pairs[1], certificate, key)


async def test_a_cookie_over_tls_is_for_secure_pages_only(data_dir: Path) -> None:
    async with serving(data_dir, warm=False, tls="self-made", access={"local": False}) as server:
        trusted = ssl.create_default_context(cafile=str(server.settings.data_dir / "tls" / "certificate.pem"))
        async with aiohttp.ClientSession() as http:  # the name is right, too
            async with http.get(f"{server.url}/", ssl=trusted) as answer:
                assert answer.status == 200
            async with http.get(f"{server.url}/api/v1/cameras", ssl=trusted) as answer:
                assert answer.status == 401
        key = server.settings.data_dir / "tls" / "key.pem"
        assert key.stat().st_mode & 0o777 == 0o600


def test_one_is_made_once_and_again_when_it_must_be(tmp_path: Path) -> None:
    settings, certificate = TlsSettings(self_made=True), tmp_path / "certificate.pem"
    Tls(settings, tmp_path, NAMES)
    first = serial_of(certificate)
    Tls(settings, tmp_path, NAMES - {"vigie.example"})
    assert serial_of(certificate) == first, "it has all these names"
    Tls(settings, tmp_path, {*NAMES, "192.0.2.7"})
    second = serial_of(certificate)
    assert second != first, "it lacked a name"
    old, key = self_made(sorted(NAMES), datetime.now(UTC) - LASTS + RENEWED_BEFORE)
    certificate.write_bytes(old)
    (tmp_path / "key.pem").write_bytes(key)
    Tls(settings, tmp_path, NAMES)
    third = serial_of(certificate)
    assert third != x509.load_pem_x509_certificate(old).serial_number, "it was soon at its end"
    (tmp_path / "key.pem").write_bytes(b"")
    Tls(settings, tmp_path, NAMES)
    assert serial_of(certificate) != third, "its key was gone"


def test_what_is_in_it() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = x509.load_pem_x509_certificate(self_made(["::1", "localhost"], now)[0])
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["::1"]
    assert certificate.not_valid_before_utc <= now
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=398)


def test_the_names_of_a_server() -> None:
    settings = load_settings(
        None, host="192.0.2.9", public_url="https://Vigie.example/x", tls={"self_made": True, "names": ["cam.lan"]}
    )
    names = names_of(settings)
    assert names >= {"localhost", "127.0.0.1", "::1", "192.0.2.9", "vigie.example", "cam.lan"}
    assert "0.0.0.0" not in names_of(load_settings(None, host="0.0.0.0", tls="self-made"))


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\n"])
def test_what_is_no_certificate_stops_the_start_in_words(tmp_path: Path, content: bytes) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_bytes(content)
    settings = TlsSettings(certificate=tmp_path / "c.pem", key=tmp_path / "k.pem")
    with pytest.raises(ConfigError, match=r"cannot be used: they do not go together, or are no PEM files"):
        Tls(settings, tmp_path, ())
    (tmp_path / "c.pem").unlink()
    with pytest.raises(ConfigError, match="No such file"):
        Tls(settings, tmp_path, ())


@pytest.mark.parametrize(
    ("tls", "words"),
    [
        ({"certificate": "/c.pem"}, "needs its key"),
        ({"key": "/k.pem"}, "needs its key"),
        ({"certificate": "/c.pem", "key": "/k.pem", "self_made": True}, "not both"),
        ({"names": ["a"]}, "self_made"),
        ("selfmade", "tls"),
    ],
)
def test_settings_that_cannot_be(tls: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_settings(None, tls=tls)


def test_off_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not load_settings(None).tls.enabled
    monkeypatch.setenv("VIGIE_TLS", "self-made")
    assert load_settings(None).tls.self_made
