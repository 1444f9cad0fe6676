"""Webhooks on real sockets: what is sent, what each answer means, and where they may not go."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from server import __version__
from server.alerts.webhook import MOST_READ, WebhookChannel, forbidden, open_channel, retry_after, url_mistake
from server.core.signature import secret_of
from server.plugins import Alert, CameraCondition, Outcome, Receiver, Reply

from ..support.plain_http import own_certificate, plain_server, whole
from ..support.post_office import NOBODY, webhook_settings
from ..support.receiver import receiving, silence, status

SECRET, OTHER = secret_of(b"a" * 24), secret_of(b"b" * 24)
BODY = '{"type":"event.confirmed","data":{"camera":"gate","note":"é 火 \\u0000 </script>"}}'.encode()
ALERT = Alert("msg_1", "event.confirmed", BODY, "gate")

pytestmark = pytest.mark.usefixtures("nothing_left")


@asynccontextmanager
async def channel(now: Callable[[], float] = time.time, **settings: Any) -> AsyncIterator[WebhookChannel]:
    async with open_channel(webhook_settings(**settings), now) as channel:
        yield channel


async def sent(url: str, *, alert: Alert = ALERT, **settings: Any) -> Reply:
    """Post one alert."""
    async with channel(**settings) as posting:
        return await posting.send(Receiver("r", url, (SECRET, OTHER)), alert)


async def answered(*answers: bytes, close: bool = True, **settings: Any) -> Reply:
    """The reply to one alert whose receiver sends these very bytes."""

    def answer(asked: object, send: Callable[[bytes], None]) -> None:
        for part in answers:
            send(part)
        if not close:
            server.over.wait(20)

    with plain_server() as server:
        server.answers["/hook"] = answer
        return await sent(server.url("/hook"), **settings)


# --- what is sent ----------------------------------------------------------------------------------------------------


async def test_what_arrives() -> None:
    async with receiving() as server:
        reply = await sent(server.url("/hook?token=1&b=%20x"))
    assert reply == Reply(Outcome.DELIVERED, 200, None, "thanks", None)
    (got,) = server.got
    assert got.body == BODY
    assert got.id == "msg_1"
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["User-Agent"] == f"Vigie/{__version__}"
    assert set(got.headers) == {
        *("Host", "Content-Type", "Content-Length", "Accept", "Accept-Encoding", "User-Agent"),
        *("webhook-id", "webhook-timestamp", "webhook-signature"),
    }
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60


async def test_both_secrets_sign_and_the_library_knows_them() -> None:
    async with receiving() as server:
        await sent(server.url())
    (got,) = server.got
    got.verify(SECRET)
    got.verify(OTHER)
    assert got.headers["webhook-signature"].count("v1,") == 2
    with pytest.raises(WebhookVerificationError):
        got.verify(secret_of(b"c" * 24))


async def test_each_try_has_its_own_time_and_the_same_id_and_body() -> None:
    times = iter((1_800_000_000.0, 1_800_000_001.0, 1_800_000_500.9, 1_800_000_501.0))
    async with receiving() as server, channel(now=lambda: next(times)) as posting:
        for _ in range(2):
            await posting.send(Receiver("r", server.url(), (SECRET,)), ALERT)
    one, two = server.got
    assert (one.id, one.body) == (two.id, two.body)
    assert [got.headers["webhook-timestamp"] for got in (one, two)] == ["1800000000", "1800000500"]
    assert one.headers["webhook-signature"] != two.headers["webhook-signature"]


async def test_one_connection_is_used_again() -> None:
    async with receiving() as server, channel() as posting:
        for _ in range(3):
            await posting.send(Receiver("r", server.url()), ALERT)
    assert len({got.peer for got in server.got}) == 1


async def test_a_large_body() -> None:
    body = b'{"data":"' + b"x" * 3_000_000 + b'"}'
    async with receiving() as server:
        reply = await sent(server.url(), alert=Alert("msg_2", "test", body, None))
    assert (reply.outcome, server.got[0].body) == (Outcome.DELIVERED, body)


async def test_no_proxy_of_the_environment_and_no_cookies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with receiving(status(200, Set_Cookie="a=b")) as server, channel() as posting:
        for _ in range(2):
            assert (await posting.send(Receiver("r", server.url()), ALERT)).outcome is Outcome.DELIVERED
    assert all("Cookie" not in got.headers for got in server.got)


async def test_nothing_is_shown() -> None:
    async with channel() as posting:
        await posting.show(CameraCondition("gate", "live", None, None), "gate")
        await posting.show(None, "gate")


# --- what answers mean -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
async def test_any_answer_of_200_means_delivered(code: int) -> None:
    async with receiving(status(code)) as server:
        reply = await sent(server.url())
    assert (reply.outcome, reply.status, reply.error) == (Outcome.DELIVERED, code, None)


@pytest.mark.parametrize("code", [400, 401, 404, 418, 429, 500, 502, 503])
async def test_any_other_is_tried_again(code: int) -> None:
    async with receiving(status(code, "no")) as server:
        reply = await sent(server.url())
    assert reply == Reply(Outcome.FAILED, code, f"answered {code}", "no", None)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(code: int) -> None:
    async with receiving() as other, receiving(status(code, Location=other.url("/secret"))) as server:
        reply = await sent(server.url())
    assert (reply.outcome, reply.status) == (Outcome.FAILED, code)
    assert reply.error == f"answered {code}; redirects are not followed: give the URL that it leads to"
    assert other.got == []


async def test_gone() -> None:
    async with receiving(status(410, "bye")) as server:
        reply = await sent(server.url())
    assert (reply.outcome, reply.status, reply.response) == (Outcome.GONE, 410, "bye")


async def test_how_long_it_wants_to_be_left_alone() -> None:
    async with receiving(status(429, Retry_After="7")) as server:
        assert (await sent(server.url())).retry_after_s == 7
    soon = format_datetime(datetime.fromtimestamp(1_800_000_060, UTC), usegmt=True)
    async with receiving(status(503, Retry_After=soon)) as server, channel(now=lambda: 1_800_000_000.0) as posting:
        assert (await posting.send(Receiver("r", server.url()), ALERT)).retry_after_s == 60


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        (" 120 ", 120),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 400, 999_999_999),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 251_602_300_799),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("\u0661\u0662", None),
    ],
)
def test_what_retry_after_may_say(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, 1_800_000_000.0) == (seconds if seconds is None else pytest.approx(seconds, abs=1e6 * 3))


async def test_only_the_beginning_of_an_answer_is_read() -> None:
    head = b"HTTP/1.1 500 No\r\nContent-Length: 100000000\r\n\r\n"
    reply = await answered(head + b"x" * 5000, close=False)
    assert (reply.outcome, reply.status, reply.response) == (Outcome.FAILED, 500, "x" * MOST_READ)


async def test_an_answer_is_text_that_can_be_shown_and_kept() -> None:
    reply = await answered(whole(b"\x00\xff\x1b[31m\r\n\xe2\x80\xae<script>\xed\xa0\x80"))
    assert reply.outcome is Outcome.DELIVERED
    assert reply.response
    assert not {"\0", "\x1b", "\r", "\u202e"} & set(reply.response)
    assert "<script>" in reply.response
    reply.response.encode()


async def test_a_compressed_answer_is_not_blown_up() -> None:
    reply = await answered(whole(b"\x1f\x8b" + b"\0" * 100, extra="Content-Encoding: gzip\r\n"))
    assert reply.outcome is Outcome.DELIVERED


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([b"SSH-2.0-OpenSSH_9.2\r\n"], "the answer is not HTTP"),
        ([b"\x00\x01\x02\x03" * 300], "the answer is not HTTP"),
        ([b"HTTP/1.1 200 OK\r\nNo colon here\r\n\r\n"], "the answer is not HTTP"),
        ([b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 20_000 + b"\r\n\r\n"], "the answer is not HTTP"),
        ([b""], "the connection was closed without an answer"),
        ([b"HTTP/1.1 200 OK\r\nContent-Le"], "the connection was closed without an answer"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"], "the answer broke off"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"], "the answer is not HTTP"),
    ],
)
async def test_what_is_no_whole_answer_is_tried_again(parts: list[bytes], words: str) -> None:
    reply = await answered(*parts)
    assert (reply.outcome, reply.error) == (Outcome.FAILED, words)


async def test_a_receiver_that_never_answers() -> None:
    async with receiving(silence) as server:
        reply = await sent(server.url(), answer_s=0.2)
    assert (reply.outcome, reply.error) == (Outcome.FAILED, "no whole answer within 0.2 s")


async def test_an_answer_that_never_ends() -> None:
    reply = await answered(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", close=False, answer_s=0.2)
    assert (reply.outcome, reply.status, reply.error) == (Outcome.FAILED, 200, "no whole answer within 0.2 s")


async def test_nobody_there() -> None:
    reply = await sent(NOBODY)
    assert (reply.outcome, reply.error) == (Outcome.FAILED, "nothing listens at this address and port")


async def test_a_name_that_nobody_knows() -> None:
    reply = await sent("http://no-such-host.invalid/x?token=s3cr3t")
    assert (reply.outcome, reply.error) == (Outcome.FAILED, "the host name no-such-host.invalid is not known")


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    with plain_server(tls=own_certificate(tmp_path)) as server:
        reply = await sent(server.url("/hook"))
    assert reply.outcome is Outcome.FAILED
    assert reply.error
    assert reply.error.startswith("no encrypted connection: ")
    assert server.asked == []


async def test_no_tls_where_it_was_asked_for() -> None:
    with plain_server() as server:
        reply = await sent(server.url("/hook").replace("http", "https"))
    assert reply.outcome is Outcome.FAILED
    assert reply.error


async def test_a_look_up_that_hangs_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    real, release = socket.getaddrinfo, asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(host: str, *rest: Any, **options: Any) -> Any:
        if host == "slow.example":
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result(20)
        return real(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    async with receiving() as server, channel(connect_s=0.5) as posting:
        slow = [posting.send(Receiver("r", f"http://slow.example:{port}/"), ALERT) for port in range(1, 30)]
        hanging = asyncio.gather(*slow)
        reply = await posting.send(Receiver("r", server.url(host="localhost")), ALERT)
        assert reply.outcome is Outcome.DELIVERED
        assert {reply.error for reply in await hanging} == {"no connection within 0.5 s"}
        release.set()


async def test_secrets_reach_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for url in (NOBODY, "http://no-such-host.invalid/"):
        reply = await sent(f"{url}?token=s3cr3t")
        assert "s3cr3t" not in str(reply)
    async with receiving(status(302, Location="http://x/?token=s3cr3t")) as server:
        assert "s3cr3t" not in str(await sent(server.url("/?token=s3cr3t")))
    assert "s3cr3t" not in caplog.text
    assert SECRET not in caplog.text


# --- where they may not go -------------------------------------------------------------------------------------------

LOCAL = ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "127.1", "2130706433", "0x7f000001", "017700000001"]
PRIVATE = ["10.0.0.1", "192.168.1.1", "172.31.0.1", "100.64.0.1", "[fd00::1]", "[fe80::1]", "169.254.1.1"]
NEVER = [
    "169.254.169.254",
    "169.254.170.2",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "168.63.129.16",
    "0.0.0.0",
    "224.0.0.1",
]


@pytest.mark.parametrize("host", [*LOCAL, *PRIVATE, *NEVER, "127。0。0。1", "①②⑦.0.0.1"])
async def test_private_receivers_are_refused_without_a_connection(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(*_: Any, **__: Any) -> None:
        raise AssertionError("it connected")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    reply = await sent(f"http://{host}:1/x", allow_private=False)
    # What must first be looked up, if only for the way it is written, may be another address tomorrow.
    assert reply.outcome is (Outcome.FAILED if host in ("localhost", "0x7f000001") else Outcome.REFUSED)
    assert reply.error
    assert "allow_private" in reply.error or "cannot be" in reply.error
    assert await forbidden(f"http://{host}/", private=False)


@pytest.mark.parametrize("host", NEVER)
async def test_what_hands_out_keys_is_refused_always(host: str) -> None:
    assert (await sent(f"http://{host}/x", allow_private=True)).outcome is Outcome.REFUSED
    assert await forbidden(f"http://{host}/", private=True)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_private_receivers_where_they_are_allowed(host: str) -> None:
    assert await forbidden(f"http://{host}/", private=True) is None
    async with receiving() as server:
        assert (await sent(server.url(host=host))).outcome is Outcome.DELIVERED


Names = Callable[..., list[str]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Let the name server answer each question with the next of these; gives what was asked."""

    def answer(*answers: list[str]) -> list[str]:
        asked: list[str] = []

        def found(host: str, port: int, **options: Any) -> list[Any]:
            addresses = answers[min(len(asked), len(answers) - 1)]
            asked.append(host)
            return [
                (socket.AF_INET6 if ":" in text else socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port))
                for text in addresses
            ]

        monkeypatch.setattr(socket, "getaddrinfo", found)
        return asked

    return answer


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "::1", "::ffff:10.0.0.1", "fe80::1%eth0", "2002:7f00:1::", "64:ff9b::7f00:1"]
)
async def test_a_name_that_leads_to_a_private_address(address: str, names: Names) -> None:
    names([address])
    reply = await sent("http://looks-fine.example/x", allow_private=False)
    assert reply.outcome is Outcome.FAILED, "it may lead elsewhere again: tried for a day, and never connected to"
    assert reply.error
    assert reply.error.startswith("the address of looks-fine.example is private")
    assert await forbidden("http://looks-fine.example/x", private=False)


async def test_of_several_addresses_only_those_that_are_permitted_are_connected_to(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(["127.0.0.1", "198.51.100.7", "8.8.8.8", "10.1.1.1"])
    connected: list[str] = []

    async def connect(sock: socket.socket, address: tuple[str, int]) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    reply = await sent("http://many.example/x", allow_private=False)
    assert (reply.outcome, connected) == (Outcome.FAILED, ["8.8.8.8"])


async def test_a_name_that_changes_between_the_check_and_the_connection(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: what was looked up is what is connected to; there is no second look-up to lie to."""
    asked = names(["8.8.8.8"], ["127.0.0.1"])
    connected: list[str] = []

    async def connect(sock: socket.socket, address: tuple[str, int]) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    reply = await sent("http://rebind.example/x", allow_private=False)
    assert (reply.outcome, connected, asked) == (Outcome.FAILED, ["8.8.8.8"], ["rebind.example"])


async def test_a_name_that_is_not_known_now_may_be_later() -> None:
    assert await forbidden("http://no-such-host.invalid/", private=False) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://example.org/hook", None),
        ("http://example.org:8080/?a=b#c", None),
        ("HTTPS://EXAMPLE.org", None),
        ("https://münchen.example/ä", None),
        ("ftp://example.org/", "http or https"),
        ("file:///etc/passwd", "http or https"),
        ("example.org/hook", "http or https"),
        ("javascript:alert(1)", "http or https"),
        ("", "http or https"),
        ("http://", "no host"),
        ("http:///path", "no host"),
        ("https://user:secret@example.org/", "user and a password"),
        ("https://user@example.org/", "user and a password"),
        ("https://@example.org/", "user and a password"),
        ("http://example.org/\r\nX: y", "control characters"),
        ("http://exa mple.org/", "no spaces"),
        ("http://example.org:99999/", "cannot be read"),
        ("http://example.org:x/", "cannot be read"),
        ("http://[::1/", "cannot be read"),
        ("http://example.org/" + "a" * 2000, "2000 signs"),
    ],
)
async def test_urls(url: str, words: str | None) -> None:
    mistake = url_mistake(url)
    if words is None:
        assert mistake is None
        return
    assert mistake
    assert words in mistake
    assert "secret" not in mistake
    assert (await sent(url)).outcome is Outcome.REFUSED
