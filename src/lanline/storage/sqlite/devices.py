"""The rows by which further devices come to an account: links that let one in, and devices that wait."""

from __future__ import annotations

from itertools import starmap
from sqlite3 import Connection

from lanline.model.accounts import AccountId, DeviceId
from lanline.model.devices import DeviceOffer, DeviceRequest

_OFFER = "SELECT shown_hash, account, until_ms, recovery_id, used_by FROM device_offers "
_REQUEST = "SELECT device, account, record, mark, left_ms, answer, sealed_label FROM device_requests "


class SqliteDevicesView:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def offer(self, shown_hash: bytes) -> DeviceOffer | None:
        row = self._connection.execute(_OFFER + "WHERE shown_hash = ?", (shown_hash,)).fetchone()
        return DeviceOffer(*row) if row else None

    def offers(self, account: AccountId) -> list[DeviceOffer]:
        return list(starmap(DeviceOffer, self._connection.execute(_OFFER + "WHERE account = ?", (account,))))

    def request(self, device: DeviceId) -> DeviceRequest | None:
        row = self._connection.execute(_REQUEST + "WHERE device = ?", (device,)).fetchone()
        return DeviceRequest(*row) if row else None

    def requests(self, account: AccountId) -> list[DeviceRequest]:
        found = self._connection.execute(_REQUEST + "WHERE account = ? ORDER BY left_ms, device", (account,))
        return list(starmap(DeviceRequest, found))


class SqliteDevices(SqliteDevicesView):
    def put_offer(self, offer: DeviceOffer) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO device_offers (shown_hash, account, until_ms, recovery_id, used_by) "
            "VALUES (?, ?, ?, ?, ?)",
            (offer.shown_hash, offer.account, offer.until_ms, offer.recovery_id, offer.used_by),
        )

    def drop_offer(self, shown_hash: bytes) -> None:
        self._connection.execute("DELETE FROM device_offers WHERE shown_hash = ?", (shown_hash,))

    def put_request(self, request: DeviceRequest) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO device_requests (device, account, record, mark, left_ms, answer, sealed_label) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(request.device, request.account, request.record, request.mark, request.left_ms, request.answer),
                request.sealed_label,
            ),
        )

    def drop_request(self, device: DeviceId) -> None:
        self._connection.execute("DELETE FROM device_requests WHERE device = ?", (device,))

    def drop_stale(self, offers_before_ms: int, requests_before_ms: int) -> None:
        self._connection.execute("DELETE FROM device_offers WHERE until_ms < ?", (offers_before_ms,))
        self._connection.execute("DELETE FROM device_requests WHERE left_ms < ?", (requests_before_ms,))
