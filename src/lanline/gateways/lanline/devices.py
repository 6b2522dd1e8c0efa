"""Owns what clients ask about the devices of their account, and who is told of one that waits. Not the rules."""

from __future__ import annotations

from collections.abc import Callable

from lanline.core import devices, keyentries
from lanline.core.changes import DeviceAnswered, DeviceAsked, Handlers
from lanline.core.core import Core
from lanline.gateways.lanline.answering import commands, does, looks
from lanline.gateways.lanline.groups import Groups
from lanline.gateways.lanline.session import Handler, Session
from lanline.model.accounts import AccountId, Device, DeviceId
from lanline.model.devices import DeviceRequest
from lanline.wire.chat import devices as wire
from lanline.wire.chat.admin import DeviceInfo
from lanline.wire.chat.answers import Done


class DeviceRequests:
    def __init__(self, core: Core, groups: Groups, sessions_of: Callable[[AccountId], tuple[Session, ...]]) -> None:
        self._core = core
        self._groups = groups
        self._sessions_of = sessions_of

    def handlers(self) -> dict[type, Handler]:
        core = self._core
        return {
            wire.OfferDevice: does(core, lambda m: devices.OfferDevice(m.shown_hash)),
            wire.LeaveDevice: commands(
                core, lambda m: devices.LeaveDevice(m.record, m.mark, m.sealed_label), _answer_to_new
            ),
            wire.ListWaitingDevices: looks(core, lambda _: devices.waiting_devices, _waiting_devices),
            wire.AnswerDevice: does(core, lambda m: devices.AnswerDevice(DeviceId(m.device), m.answer)),
            wire.ListOwnDevices: self._list_own,
            wire.ForgetLabel: does(core, lambda m: devices.ForgetLabel(DeviceId(m.device), m.label)),
            wire.AddRecovery: self._add_recovery,
        }

    def tellers(self) -> Handlers:
        return {DeviceAsked: self._tell_asked, DeviceAnswered: self._tell_answered}

    def _list_own(self, session: Session, message: wire.ListOwnDevices) -> None:
        def answer(found: list[Device]) -> None:
            online = {each.actor.device for each in self._sessions_of(session.actor.account)}
            infos = tuple(
                DeviceInfo(each.id, each.label, each.fingerprint, each.added_ms, each.is_revoked, each.id in online)
                for each in found
            )
            session.send(wire.OwnDevices(message.request, infos))

        session.ask(message.request, lambda: self._core.ask(session.actor, devices.own_devices), answer)

    def _add_recovery(self, session: Session, message: wire.AddRecovery) -> None:
        command = keyentries.AddRecovery(message.content, message.shown_hash)
        self._groups.take_key(session, message.request, command)

    def _tell_asked(self, change: DeviceAsked) -> None:
        message = wire.DeviceAsks(_waiting(change.request))
        for session in self._sessions_of(change.request.account):
            if self._groups.is_in_group(session):
                session.send(message)

    def _tell_answered(self, change: DeviceAnswered) -> None:
        assert change.request.answer is not None
        for session in self._sessions_of(change.request.account):
            if session.actor.device == change.request.device:
                session.send(wire.DeviceAnswered(0, change.request.answer))


def _answer_to_new(message: wire.LeaveDevice, found: bytes | None) -> Done | wire.DeviceAnswered:
    return Done(message.request) if found is None else wire.DeviceAnswered(message.request, found)


def _waiting_devices(message: wire.ListWaitingDevices, found: list[DeviceRequest]) -> wire.WaitingDevices:
    return wire.WaitingDevices(message.request, tuple(map(_waiting, found)))


def _waiting(request: DeviceRequest) -> wire.WaitingDevice:
    return wire.WaitingDevice(request.device, "", request.record, request.mark, request.left_ms, request.sealed_label)
