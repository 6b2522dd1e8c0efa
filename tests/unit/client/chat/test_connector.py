"""Calling a server for as long as it takes: over UDP, over WebSocket, back to UDP; and what ends the calling."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lanline.client.chat import connector as module
from lanline.client.chat.connector import Connector
from lanline.client.chat.node import ChatNode
from lanline.client.chat.session import AsDevice
from lanline.client.pin import KnownServer
from lanline.client.view import events
from lanline.client.view.values import NodeState
from lanline.errors import (
    AddressUnavailable,
    CloseCode,
    HistoryProblem,
    LinkError,
    RefusalCode,
    RequestRefused,
    ServerKeyChanged,
    VersionMismatch,
)
from lanline.model.content import Text
from lanline.transport.loopclock import LoopClock
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.conversations import Conversations
from lanline.wire.chat.entries import Append
from lanline.wire.chat.signin import NoCommonVersion, SignIn
from unit.client.chat.stage import LAB, PlayedLink, Stage, lab, people_table

LIMIT_S = 60.0
KEY = bytes(range(32))


class MetLink(PlayedLink):
    def __init__(self) -> None:
        super().__init__(KEY)


class PlayedNetwork:
    """Each call is answered by the next outcome; when there is none it hangs."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.udp: list[Any] = []
        self.websocket: list[Any] = []
        self.calls: list[tuple[str, bytes | None]] = []
        self.links: list[MetLink] = []

    async def connect_udp(self, _host: str, _port: int, expected_fingerprint: bytes | None = None) -> Any:
        return await self._answer("udp", self.udp, expected_fingerprint)

    async def connect_websocket(self, _host: str, _port: int, expected_fingerprint: bytes | None = None) -> Any:
        return await self._answer("websocket", self.websocket, expected_fingerprint)

    async def _answer(self, way: str, outcomes: list[Any], fingerprint: bytes | None) -> Any:
        self.calls.append((way, fingerprint))
        if not outcomes:
            await asyncio.Event().wait()
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, MetLink):
            self.links.append(outcome)
        return outcome


class Scene:
    def __init__(self, fingerprint: bytes | None = KEY) -> None:
        self.stage = Stage()
        self.stage.node = ChatNode(LoopClock(), self.stage.history, AsDevice())
        self.network = PlayedNetwork(self.stage)
        self.told: list[events.NodeEvent] = []
        self.stage.node.subscribe(self.told.append)
        server = KnownServer("ship", 5265, fingerprint)
        self.connector = Connector(self.stage.node, self.network, server)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not condition():  # noqa: ASYNC110 -- turns of the loop, not time
                await asyncio.sleep(0)

    async def signed_in(self, count: int) -> MetLink:
        """The newest link, once there are so many, signed in."""
        await self.until(lambda: len(self.network.links) >= count)
        link = self.network.links[count - 1]
        await self.until(lambda: link.sent)
        self.stage.greet(link)
        self.stage.sign_in(link)
        return link


def play(work: Callable[[Scene, asyncio.Task[None]], Awaitable[None]], scene_of: Callable[[], Scene] = Scene) -> None:
    async def main() -> None:
        scene = scene_of()
        running = asyncio.create_task(scene.connector.run())
        try:
            await work(scene, running)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(module, "MAX_PAUSE_S", 0.004)
    monkeypatch.setattr(module, "UDP_AGAIN_S", 0.01)
    monkeypatch.setattr(module, "UDP_SOON_S", 0.01)


def test_a_server_that_is_away_is_called_again_and_each_failure_is_told() -> None:
    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        scene.network.udp += [None, LinkError("It hung up."), AddressUnavailable("Unknown host."), MetLink()]
        scene.network.websocket += [LinkError("Nothing answers."), LinkError("Nor here.")]
        await scene.signed_in(1)
        failed = [event.reason for event in scene.told if isinstance(event, events.CallFailed)]
        assert failed == ["Nothing answers.", "It hung up.", "Unknown host."]
        assert scene.stage.node.state is NodeState.SIGNED_IN

    play(work)


def test_a_problem_is_none_any_more_once_this_device_is_signed_in() -> None:
    """Else whoever says something hours later, while the server stands still, is told what was wrong then."""

    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        scene.network.udp += [LinkError("It hung up."), MetLink()]
        scene.network.websocket += [LinkError("Nothing answers.")]
        await scene.until(lambda: scene.connector.last_problem)
        await scene.signed_in(1)
        assert scene.connector.last_problem == ""

    play(work)


def test_a_lost_link_is_called_anew() -> None:
    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        scene.network.udp += [MetLink(), MetLink()]
        (await scene.signed_in(1)).die()
        await scene.signed_in(2)
        assert [way for way, _ in scene.network.calls] == ["udp", "udp"]

    play(work)


def test_a_pause_is_cut_short_when_somebody_waits_and_the_next_one_is_short_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 2 * LIMIT_S)
    monkeypatch.setattr(module, "MAX_PAUSE_S", 4 * LIMIT_S)

    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        scene.network.udp += [AddressUnavailable("Unknown host."), AddressUnavailable("Unknown host."), MetLink()]
        for count in (1, 2):
            await scene.until(lambda count=count: scene.connector.failed_calls == count)
            await asyncio.sleep(0)
            scene.connector.hurry()
        await scene.signed_in(1)
        pauses = [event.next_try_s for event in scene.told if isinstance(event, events.CallFailed)]
        assert all(pause_s <= 2 * LIMIT_S for pause_s in pauses)

    play(work)


def test_a_server_that_is_full_is_called_again_later_each_time() -> None:
    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        scene.network.udp += [MetLink(), MetLink(), MetLink()]
        for number in (1, 2):
            await scene.until(lambda number=number: len(scene.network.links) == number)  # type: ignore[misc]
            await scene.until(lambda: scene.network.links[-1].sent)
            scene.network.links[-1].hang_up(CloseCode.BUSY, "The server takes no more links now.")
        await scene.signed_in(3)
        failed = [event.reason for event in scene.told if isinstance(event, events.CallFailed)]
        assert failed == ["The server takes no more links now."] * 2
        assert scene.connector.failed_calls == 2

    play(work)


def test_pauses_grow_to_a_bound_differ_and_begin_anew_after_a_sign_in() -> None:
    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        scene.network.udp += [*[AddressUnavailable("No.")] * 6, MetLink(), AddressUnavailable("No.")]
        (await scene.signed_in(1)).die()
        await scene.until(lambda: scene.connector.failed_calls == 8)
        pauses = [event.next_try_s for event in scene.told if isinstance(event, events.CallFailed)]
        assert all(0.0005 <= pause <= 0.004 for pause in pauses)
        assert pauses[0] <= 0.001 < max(pauses[3:6])
        assert pauses[6] <= 0.001
        assert len(set(pauses)) == len(pauses)

    play(work)


def test_over_websocket_udp_is_tried_again_and_takes_over() -> None:
    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        scene.network.udp += [None, None, LinkError("Not now."), MetLink()]
        scene.network.websocket += [MetLink()]
        websocket = await scene.signed_in(1)
        udp = await scene.signed_in(2)
        assert udp.closed is None
        assert websocket.closed is not None
        assert websocket.closed.code is CloseCode.REPLACED
        assert not [event for event in scene.told if isinstance(event, events.ConnectionLost)]
        assert [way for way, _ in scene.network.calls] == ["udp", "websocket", "udp", "udp", "udp"]

    play(work)


def test_where_udp_is_blocked_websocket_joins_in_without_waiting_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_START_S", 0.0)

    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        scene.network.websocket += [MetLink()]
        await scene.signed_in(1)  # the call over UDP never ends
        assert [way for way, _ in scene.network.calls][:2] == ["udp", "websocket"]
        assert scene.stage.node.own.last_way == "websocket"

    play(work)


def test_the_way_that_worked_last_is_tried_first_also_by_the_next_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UDP_SOON_S", 10 * LIMIT_S)

    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        scene.stage.node.own.remember_way("websocket")
        scene.network.websocket += [MetLink(), MetLink()]
        (await scene.signed_in(1)).die()
        await scene.signed_in(2)
        assert [way for way, _ in scene.network.calls] == ["websocket", "websocket"]
        again = ChatNode(LoopClock(), scene.stage.history, AsDevice())
        assert again.own.last_way == "websocket"

    play(work)


def test_udp_that_comes_through_late_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_START_S", 0.0)
    monkeypatch.setattr(module, "UDP_SOON_S", 10 * LIMIT_S)

    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        arrives = asyncio.Event()
        late = MetLink()
        real = scene.network.connect_udp

        async def slow(host: str, port: int, fingerprint: bytes | None = None) -> Any:
            await arrives.wait()
            return await real(host, port, fingerprint)

        monkeypatch.setattr(scene.network, "connect_udp", slow)
        scene.network.udp += [late]
        scene.network.websocket += [MetLink()]
        websocket = await scene.signed_in(1)
        arrives.set()
        await scene.signed_in(2)
        assert scene.network.links[1] is late
        assert websocket.closed is not None
        assert scene.stage.node.own.last_way == "udp"

    play(work)


@pytest.mark.parametrize("code", [CloseCode.INCOMPATIBLE_VERSION, CloseCode.BUSY, CloseCode.HANDSHAKE_FAILED])
def test_what_anybody_may_have_said_over_udp_ends_nothing_and_websocket_is_tried(code: CloseCode) -> None:
    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        scene.network.udp += [LinkError("Forged.", code)] * 2
        scene.network.websocket += [LinkError("Nothing answers.", CloseCode.UNREACHABLE), MetLink()]
        await scene.signed_in(1)
        assert [way for way, _ in scene.network.calls] == ["udp", "websocket"] * 2
        assert [event.reason for event in scene.told if isinstance(event, events.CallFailed)] == ["Forged."]

    play(work)


def test_another_key_is_a_hard_stop_that_says_what_to_do() -> None:
    async def work(scene: Scene, running: asyncio.Task[None]) -> None:
        scene.network.udp += [LinkError("Another key.", CloseCode.IDENTITY_REJECTED)]
        with pytest.raises(ServerKeyChanged, match="acorn") as stopped:
            await asyncio.wait_for(running, LIMIT_S)
        assert "--home" in str(stopped.value)
        assert scene.network.calls == [("udp", KEY)]

    play(work)


def test_the_first_key_met_is_the_one_from_then_on() -> None:
    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        scene.network.udp += [MetLink(), MetLink()]
        (await scene.signed_in(1)).die()
        await scene.signed_in(2)
        assert scene.network.calls == [("udp", None), ("udp", KEY)]
        assert scene.connector.server.fingerprint == KEY

    play(work, lambda: Scene(None))


def test_another_version_ends_the_calling() -> None:
    async def work(scene: Scene, running: asyncio.Task[None]) -> None:
        link = MetLink()
        scene.network.udp += [link]
        await scene.until(lambda: link.sent)
        link.say(NoCommonVersion((7,)))
        with pytest.raises(VersionMismatch, match="upgrade Lanline on this device"):
            await asyncio.wait_for(running, LIMIT_S)

    play(work)


async def refuse(scene: Scene, link: MetLink, code: RefusalCode, retry_after_ms: int = 0) -> None:
    await scene.until(lambda: link.sent)
    scene.stage.greet(link)
    (asked,) = link.take(SignIn)
    link.say(Refused(asked.request, code, "No.", retry_after_ms))


def test_a_banned_account_is_not_called_for_again() -> None:
    async def work(scene: Scene, running: asyncio.Task[None]) -> None:
        link = MetLink()
        scene.network.udp += [link]
        await refuse(scene, link, RefusalCode.BANNED)
        with pytest.raises(RequestRefused) as refused:
            await asyncio.wait_for(running, LIMIT_S)
        assert refused.value.code is RefusalCode.BANNED

    play(work)


def test_an_account_that_went_offline_is_not_called_for_again() -> None:
    async def work(scene: Scene, running: asyncio.Task[None]) -> None:
        scene.network.udp += [MetLink(), MetLink()]
        link = await scene.signed_in(1)
        link.hang_up(CloseCode.DONE, "This account went offline.")
        with pytest.raises(RequestRefused, match="This account went offline"):
            await asyncio.wait_for(running, LIMIT_S)
        assert len(scene.network.links) == 1

    play(work)


@pytest.mark.parametrize(("code", "retry_after_ms"), [(RefusalCode.SERVER_PROBLEM, 0), (RefusalCode.SLOW_DOWN, 5)])
def test_a_refusal_for_now_is_tried_again(code: RefusalCode, retry_after_ms: int) -> None:
    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        link = MetLink()
        scene.network.udp += [link, MetLink()]
        await refuse(scene, link, code, retry_after_ms)
        await scene.signed_in(2)

    play(work)


def test_a_disk_that_takes_nothing_is_not_called_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody would see this one come and go, and nothing would arrive."""

    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        full = HistoryProblem("The disk is full.")
        answers = [full, full, full, None]

        def check_room() -> None:
            if (answer := answers.pop(0)) is not None:
                raise answer

        monkeypatch.setattr(scene.stage.node, "check_room", check_room)
        scene.network.udp += [MetLink(), MetLink()]
        link = await scene.signed_in(1)
        scene.stage.node.tell(events.HistoryFailed("The disk is full."))
        link.die()
        await scene.signed_in(2)
        assert answers == []
        failed = [event.reason for event in scene.told if isinstance(event, events.CallFailed)]
        assert failed[1:] == ["The disk is full."] * 3
        assert len(scene.network.calls) == 2

    play(work)


def test_what_the_server_puts_off_is_the_problem_until_it_takes_it() -> None:
    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        scene.network.udp += [MetLink()]
        link = await scene.signed_in(1)
        link.say(people_table(), Conversations((lab(),), is_last=True))
        scene.stage.say(LAB, Text("hello"))
        (append,) = link.take(Append)
        link.say(Refused(append.request, RefusalCode.STORAGE_FULL, "The server's disk is full.", 1))
        assert scene.connector.last_problem == "The server's disk is full."
        await scene.until(lambda: any(isinstance(sent, Append) for sent in link.sent))
        link.commit(*link.take(Append), after=0)
        assert scene.connector.last_problem == ""

    play(work)


def test_a_link_that_this_device_has_ended_for_a_new_one_is_called_for_at_once_and_nothing_has_failed() -> None:
    async def work(scene: Scene, _running: asyncio.Task[None]) -> None:
        scene.network.udp = [MetLink(), MetLink()]
        await scene.signed_in(1)
        scene.stage.node.begin_keys_anew()
        await scene.signed_in(2)
        lost = [event for event in scene.told if isinstance(event, events.ConnectionLost)]
        assert [(each.is_own_doing, "Nothing is lost" in each.reason) for each in lost] == [(True, True)]
        assert not [event for event in scene.told if isinstance(event, events.CallFailed)]

    play(work)
