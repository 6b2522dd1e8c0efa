"""The end of a server, and of sessions at any moment."""

from __future__ import annotations

from lanline.errors import CloseCode, RefusalCode, StorageFull
from lanline.proto.channels import Channel
from lanline.wire.chat import answers, conversations, entries, signin
from serverhouse.house import PASSWORD, House


def test_what_was_taken_is_committed_before_all_links_close(house: House) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    log = ann.log("#lobby")
    bob.follow(log)
    ann.append(log, 1, settles=False)
    house.clock.run_due()
    ann.append(log, 2, settles=False)
    ended = house.server.shut_down("Back in a minute.")
    late = ann.append(log, 3, settles=False)
    assert not ended.is_settled
    assert ann.link.closed is None
    house.settle()
    assert ended.is_settled
    for client in (ann, bob):
        assert client.link.closed is not None
        assert client.link.closed.code is CloseCode.GOING_AWAY
        assert client.link.closed.reason == "Back in a minute."
    assert house.call("cyd").link.closed is not None
    house.stop()
    house.start()
    ann = house.sign_in("ann")
    assert ann.conversations()[log].head == 2
    assert late


def test_who_was_online_and_how_far_is_kept_at_the_end(house: House) -> None:
    ann = house.join("ann")
    log = ann.log("#lobby")
    ann.append(log, 1)
    ann.say(entries.Advance((entries.LogCursor(log, 1, 1),)))
    house.clock.pass_time(0.5)
    house.server.shut_down("")
    house.settle()
    house.stop()
    house.start()
    assert house.sign_in("ann").conversations()[log].read == 1


def test_a_disk_that_is_full_does_not_keep_the_server_from_ending(house: House) -> None:
    ann = house.join("ann")
    ann.append(ann.log("#lobby"), 1, settles=False)
    house.engine.transact = lambda works: [StorageFull("full")] * len(works)  # type: ignore[method-assign]
    ended = house.server.shut_down("")
    house.settle()
    assert ended.is_settled
    assert ann.link.closed is not None


def test_a_session_may_end_at_any_moment(house: House) -> None:
    """Between any two steps of everything that takes more than one."""
    house.join("ann")
    bob = house.join("bob")
    log = bob.log("#lobby")
    bob.follow(log)
    house.hasher.waits = True
    messages = (
        conversations.CreateRoom(90, "#lab"),
        conversations.OpenDirect(91, bob.account),
        entries.Append(92, log, bytes(16), "plain", b"hi"),
        entries.Follow(log, 0),
        entries.Advance((entries.LogCursor(log, 1, 1),)),
        signin.ChangePassword(93, PASSWORD, "another password"),
        signin.Deregister(94),
    )
    for count in range(len(messages) + 1):
        ann = house.sign_in("ann")
        for message in messages[:count]:
            ann.say(message, settles=False)
        ann.hang_up()
        house.hasher.answer_all()
        house.pass_time(2)
    figures = house.server.figures()
    assert (figures["links"], figures["links_signed_in"], figures["accounts_online"]) == (1, 1, 1)
    assert len(bob.entries(log)) == 1
    assert bob.ask(conversations.ListRooms(bob.number()), conversations.Rooms)


def test_a_failure_within_one_session_is_its_own(house: House) -> None:
    ann, bob = house.join("ann"), house.join("bob")

    def fail(*_: object) -> None:
        raise RuntimeError("a bug, with secrets in it")

    house.server.gateway._handlers[conversations.ListRooms] = fail
    house.server.gateway._handlers[entries.Follow] = fail
    assert ann.refusal(conversations.ListRooms(ann.number())) is RefusalCode.SERVER_PROBLEM
    assert "secrets" not in ann.last(answers.Refused).text
    assert ann.link.closed is None
    ann.follow(1)
    assert ann.link.closed is not None, "nobody would answer, and the client would wait for ever"
    assert bob.link.closed is None
    log = bob.log("#lobby")
    assert bob.place(bob.append(log, 1))


def test_the_last_word_is_waited_for_also_when_the_link_was_full(house: House) -> None:
    ann, bob = house.join("ann", buffer_bytes=600), house.join("bob")
    ann.link.is_reading = False
    while ann.link.is_writable(Channel.CHAT):
        bob.ask(conversations.CreateRoom(bob.number(), f"#r{bob.number()}"), conversations.Opened)
        ann.say(conversations.ListRooms(ann.number()))
    request = ann.number()
    ann.say(signin.Deregister(request))
    ann.link.arrive()
    assert ann.link.closed is None
    ann.link.arrive()
    assert ann.answer(request) == answers.Done(request)
    assert ann.link.closed is not None
