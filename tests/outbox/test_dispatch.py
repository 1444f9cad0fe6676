"""The outbox on real sockets: what is written is sent, in order, once, and to each receiver in its own time."""

from __future__ import annotations

import asyncio
import time

import pytest

from server.metrics import Metrics
from server.plugins import PluginError

from ..support.post_office import NOBODY, Clock, PostOffice, pass_time, rest
from ..support.receiver import receiving, silence, slowly, status
from ..support.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left")


async def test_what_is_written_is_sent(office: PostOffice) -> None:
    async with receiving() as receiver, office.sending() as outbox:
        one = await office.subscribe(receiver.url())
        event = await office.report()
        outbox.wake()
        await office.delivered(1)
        (got,) = receiver.got
        (row,) = await office.rows()
        assert (got.id, got.body.decode(), got.json["data"]["id"]) == (row.id, row.body, event)
        got.verify(one.secrets[0])
        assert outbox.circuit(one.id) == "closed"
    known = await office.subscriptions.get(one.id)
    assert abs((known.last_success_at or 0) - time.time()) < 60
    (tried,) = await office.log()
    assert (tried.outcome, tried.status, tried.response) == ("delivered", 200, "thanks")
    assert 0 < tried.took_ms < 20_000


async def test_what_was_written_before_the_start_is_sent(office: PostOffice) -> None:
    async with receiving() as receiver:
        await office.subscribe(receiver.url())
        await office.report()
        async with office.sending():
            await office.delivered(1)


async def test_what_another_server_wrote_is_found(office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.outbox.dispatch.OWN_POLL_S", 0.05)
    monkeypatch.setattr("server.outbox.dispatch.SHARED_POLL_S", 0.05)
    async with receiving() as receiver, office.sending():
        await office.subscribe(receiver.url())
        await office.report()
        await office.delivered(1)


async def test_different_events_at_a_time_one_event_in_order(office: PostOffice) -> None:
    async with receiving(slowly(200)) as receiver:
        await office.subscribe(receiver.url())
        events = [await office.report() for _ in range(6)]
        for event in events:
            await office.report(event, "event.ended")
        async with office.sending(webhooks={"at_a_time": 4}):
            await eventually(lambda: len(receiver.got) == 4, "four deliveries under way")
            receiver.let_go.set()
            await office.delivered(12)
    assert receiver.most_at_once == 4
    for event in events:
        told = [got.json["type"] for got in receiver.got if got.json["data"]["id"] == event]
        assert told == ["event.confirmed", "event.ended"]


async def test_the_same_id_and_body_on_every_try(office: PostOffice, clock: Clock) -> None:
    async with receiving(first=[status(500), status(503), status(404)]) as receiver:
        one = await office.subscribe(receiver.url())
        await office.report()
        async with office.sending(clock=clock) as outbox:
            await pass_time(outbox, clock, 60, step_s=4)
    assert len(receiver.got) == 4
    assert len({(got.id, got.body) for got in receiver.got}) == 1
    for got in receiver.got:
        got.verify(one.secrets[0])
    (row,) = await office.rows()
    assert (row.state, row.attempts, row.last_status, row.last_error) == ("delivered", 4, 200, None)
    assert [tried.status for tried in await office.log()] == [500, 503, 404, 200]


async def test_later_reports_wait_for_the_one_before_them(office: PostOffice, clock: Clock) -> None:
    async with receiving(first=[status(500)] * 3) as receiver:
        await office.subscribe(receiver.url())
        event = await office.report()
        async with office.sending(clock=clock) as outbox:
            await rest(outbox)
            await office.report(event, "event.ended")
            await office.report(event, "event.retracted")
            await pass_time(outbox, clock, 60, step_s=4)
    assert receiver.types() == [*["event.confirmed"] * 4, "event.ended", "event.retracted"]


async def test_a_dead_receiver_delays_nobody(office: PostOffice) -> None:
    async with receiving(silence) as dead, receiving() as live:
        for _ in range(2):
            await office.subscribe(dead.url())
        await office.subscribe(NOBODY)
        await office.subscribe(live.url())
        async with office.sending() as outbox:
            begun = time.monotonic()
            for _ in range(50):
                await office.report()
                outbox.wake()
            await eventually(lambda: len(live.got) == 50, "all fifty at the live one")
            assert time.monotonic() - begun < 15, "the dead ones take 15 s each"
            assert len(set(live.ids())) == 50
            dead.let_go.set()


async def test_no_more_is_known_of_a_receiver_that_was_removed(office: PostOffice) -> None:
    async with receiving(silence) as receiver, office.sending() as outbox:
        one = await office.subscribe(receiver.url())
        await office.report()
        outbox.wake()
        await eventually(lambda: receiver.got, "a delivery under way")
        await office.subscriptions.remove(one.id)
        receiver.let_go.set()
        await rest(outbox)
    assert await office.rows() == []
    assert await office.log() == []


async def test_what_is_under_way_to_one_that_is_gone_may_arrive(office: PostOffice) -> None:
    async with receiving(first=[slowly(200)]) as receiver, office.sending() as outbox:
        one = await office.subscribe(receiver.url())
        slow = await office.report()
        outbox.wake()
        await eventually(lambda: receiver.got, "a delivery under way")
        receiver.usual = status(410)
        gone = await office.report()
        outbox.wake()
        await eventually(lambda: office.states(event_id=gone, state="dead"), "the news that it is gone")
        assert [(row.state, row.leased_by) for row in await office.rows(event_id=slow)] == [("dead", None)]
        receiver.let_go.set()
        await office.delivered(1, event_id=slow)
        assert (await office.subscriptions.get(one.id)).enabled is False


async def test_one_that_is_switched_off_waits(office: PostOffice) -> None:
    async with receiving() as receiver:
        one = await office.subscribe(receiver.url())
        event = await office.report()
        await office.subscriptions.change(one.id, {"enabled": False})
        await office.report(event, "event.retracted")
        async with office.sending() as outbox:
            await rest(outbox)
            assert receiver.got == []
            await office.subscriptions.change(one.id, {"enabled": True})
            outbox.renew(one.id)
            await office.delivered(2)
    assert receiver.types() == ["event.confirmed", "event.retracted"]


async def test_a_test_goes_out_whatever_stands_in_the_way(office: PostOffice, clock: Clock) -> None:
    async with receiving() as receiver, office.sending(clock=clock) as outbox:
        off = await office.subscribe(receiver.url(), enabled=False)
        delivery = await outbox.test(off.id)
        await office.delivered(1, type="test")
        assert receiver.got[0].id == delivery.id
        body = receiver.got[0].json
        assert (body["type"], body["data"]["webhook"]) == ("test", off.id)
        receiver.got[0].verify(off.secrets[0])
        failing = await office.subscribe(receiver.url())
        receiver.usual = status(500)
        for _ in range(8):
            await office.report()
        await rest(outbox)
        assert outbox.circuit(failing.id) == "open"
        receiver.usual = status(200)
        await outbox.test(failing.id)
        await office.delivered(9, subscription_id=failing.id)
        assert outbox.circuit(failing.id) == "closed", "and what waits goes with it"


async def test_replayed(office: PostOffice, clock: Clock) -> None:
    async with receiving(status(410)) as receiver, office.sending(clock=clock) as outbox:
        one = await office.subscribe(receiver.url())
        for _ in range(3):
            await office.report()
        await rest(outbox)
        assert await office.states() == ["dead"] * 3
        receiver.usual = status(200)
        await office.subscriptions.change(one.id, {"enabled": True})
        assert await office.deliveries.replay_dead(one.id) == 3
        outbox.renew(one.id)
        await office.delivered(3)
    rows = await office.rows()
    assert set(receiver.ids()[-3:]) == {row.id for row in rows}
    assert "gone" in [tried.outcome for tried in await office.log()]


async def test_the_kinds_of_channels_are_opened_when_they_are_needed(office: PostOffice) -> None:
    async with office.sending() as outbox:
        await office.subscribe(channel="smoke-signals")
        await office.report()
        outbox.wake()
        await eventually(lambda: office.log(), "a try")
    (row,) = await office.rows()
    assert row.state == "waiting"
    assert "There is no alerts kind 'smoke-signals'" in row.last_error


async def test_a_channel_that_cannot_be_opened_leaves_its_deliveries_waiting(office: PostOffice, clock: Clock) -> None:
    def open_channel(kind: str) -> object:
        raise PluginError("mqtt.url is missing.")

    await office.subscribe()
    await office.report()
    async with office.sending(clock=clock, open_channel=open_channel) as outbox:
        await rest(outbox)
        (row,) = await office.rows()
        assert (row.state, row.last_error) == ("waiting", "the channel webhook cannot be used: mqtt.url is missing")


async def test_what_is_measured(office: PostOffice, clock: Clock) -> None:
    metrics = Metrics()

    def value(name: str, **labels: str) -> float:
        return metrics.registry.get_sample_value(name, labels) or 0

    async with receiving(first=[status(500)]) as receiver:
        await office.subscribe(receiver.url())
        await office.report(at=time.time() - 100)
        async with office.sending(clock=clock, metrics=metrics) as outbox:
            await rest(outbox)
            await pass_time(outbox, clock, 5)
            gone = await office.subscribe(receiver.url())
            receiver.first = [status(410)] * 2
            await outbox.test(gone.id)
            await rest(outbox)
    assert value("vigie_deliveries_total", channel="webhook", outcome="delivered") == 1
    assert value("vigie_deliveries_total", channel="webhook", outcome="failed") == 1
    assert value("vigie_deliveries_total", channel="webhook", outcome="gone") == 1
    assert value("vigie_deliveries_total", channel="webhook", outcome="dead") == 1
    assert value("vigie_delivery_seconds_count") == 1
    assert 100 <= value("vigie_delivery_seconds_sum") < 160


async def test_how_many_wait_is_told(office: PostOffice) -> None:
    metrics = Metrics()
    await office.subscribe(enabled=True)
    await office.report()
    async with office.sending(metrics=metrics, open_channel=lambda kind: _Never()):
        await eventually(
            lambda: metrics.registry.get_sample_value("vigie_deliveries_kept", {"state": "waiting"}) == 1, "the gauge"
        )
    assert metrics.registry.get_sample_value("vigie_deliveries_kept", {"state": "dead"}) == 0


class _Never:
    async def __aenter__(self) -> object:
        await asyncio.sleep(3600)
        raise AssertionError

    async def __aexit__(self, *_: object) -> None: ...


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_tries_under_way_may_end_when_the_server_stops(office: PostOffice) -> None:
    async with receiving(slowly(200)) as receiver:
        await office.subscribe(receiver.url())
        await office.report()
        async with office.sending():
            await eventually(lambda: receiver.got, "a delivery under way")
            asyncio.get_running_loop().call_later(0.2, receiver.let_go.set)
    (row,) = await office.rows()
    assert (row.state, row.attempts, row.leased_by) == ("delivered", 1, None)


async def test_what_is_written_last_still_goes_out(office: PostOffice) -> None:
    async with receiving() as receiver, office.sending():
        await office.subscribe(receiver.url())
        event = await office.report()
        await office.report(event, "event.ended")
    assert receiver.types() == ["event.confirmed", "event.ended"]
    assert await office.states() == ["delivered", "delivered"]


async def test_what_does_not_end_soon_is_given_back(office: PostOffice) -> None:
    async with receiving(silence) as receiver:
        await office.subscribe(receiver.url())
        for _ in range(3):
            await office.report()
        begun = time.monotonic()
        async with office.sending(grace_s=0.4):
            await eventually(lambda: len(receiver.got) == 3, "three deliveries under way")
        assert time.monotonic() - begun < 5
        rows = await office.rows()
        assert {(row.state, row.attempts, row.leased_by, row.next_at < 0) for row in rows} == {
            ("waiting", 0, None, True)
        }
        receiver.usual = status(200)
        async with office.sending("another"):
            await office.delivered(3)
    assert set(receiver.ids()[:3]) == set(receiver.ids()[3:])


async def test_what_a_killed_server_held_is_sent_by_the_next_one_at_once(office: PostOffice) -> None:
    async with receiving() as receiver:
        one = await office.subscribe(receiver.url())
        await office.report()
        async with office.deliveries.turn("killed") as turn:
            assert await turn.claim(one.id, 5, time.time(), 1000, 86_400)
        async with office.sending("next", gone=["killed"]):
            await office.delivered(1)


async def test_stopping_twice(office: PostOffice) -> None:
    async with office.sending() as outbox:
        pass
    await outbox.__aexit__(None, None, None)
