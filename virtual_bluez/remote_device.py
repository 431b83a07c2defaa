"""Device1: a remote device on a party's bus, whether it was heard advertising or has connected to us.

Rules: `Connected` follows the link at both ends; a link we made belongs to the programs that called Connect and
is lost with the last of them (bluetoothd would keep it, but a killed phone is out of reach); nothing is removed
by itself, addresses here are few and fixed. Pairing is not offered.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from bumble import hci
from bumble.core import ConnectionError as LinkError
from bumble.device import Connection
from dbus_fast import Variant

from virtual_bluez import names
from virtual_bluez.att_client import AttClient
from virtual_bluez.errors import BlueZError
from virtual_bluez.interfaces import Call, Interface, Method
from virtual_bluez.objects import ObjectTree
from virtual_bluez.radio import Radio
from virtual_bluez.remote_objects import RemoteObjects
from virtual_bluez.tasks import TaskScope
from virtual_bluez.uuids import uuid_text

__all__ = ["RemoteDevice"]


class RemoteDevice:
    """One remote device."""

    def __init__(self, address: hci.Address, tree: ObjectTree, radio: Radio) -> None:
        text = address.to_string(with_type_qualifier=False)
        self.path = names.device_path(text)
        self.link: Connection | None = None
        self._address = address
        self._tree = tree
        self._radio = radio
        self._owners: set[str] = set()
        self._attempt: asyncio.Task[Any] | None = None
        self._given_up = False
        self._resolving = TaskScope()
        self._client: AttClient | None = None
        self._objects: RemoteObjects | None = None
        methods = {
            "Connect": Method("", "", self._connect),
            "Disconnect": Method("", "", self._disconnect),
            "Pair": Method("", "", self._pair),
            "CancelPairing": Method("", "", self._cancel_pairing),
        }
        self._interface = Interface(names.DEVICE, _properties(text), methods)

    def show(self, advertised: Mapping[str, Variant]) -> None:
        """Put the device on the bus with what is known of it."""
        self._interface.properties.update(advertised)
        self._tree.add(self.path, self._interface)

    def heard(self, advertised: Mapping[str, Variant]) -> None:
        """Show what the latest advertisement changes, and its RSSI each time: scanners wait for that sign."""
        known = self._interface.properties
        uuids = self._with_known_uuids(advertised["UUIDs"].value)
        heard = {**advertised, "UUIDs": uuids}
        changed = {name: value for name, value in heard.items() if name == "RSSI" or known.get(name) != value}
        self._tree.change(self.path, names.DEVICE, changed)

    def not_heard(self) -> None:
        """Take back what only holds while scanning."""
        self._tree.invalidate(self.path, names.DEVICE, "RSSI", "TxPower")

    def link_up(self, link: Connection) -> None:
        """Show a new link; as central, find out what the device offers."""
        self.link = link
        if not self._interface.properties["Connected"].value:
            self._change(Connected=Variant("b", True))
        if link.role == hci.Role.CENTRAL:
            self._client = AttClient(link)
            self._objects = RemoteObjects(self._client, self.path, self._tree)
            self._resolving.start(self._resolve(self._client, self._objects))

    def link_down(self) -> None:
        """Show that the link is gone, and all that came with it."""
        self.link = None
        self._owners.clear()
        if self._client and self._objects:
            self._client.lose()
            self._objects.withdraw()
        self._client = self._objects = None
        self._change(ServicesResolved=Variant("b", False), Connected=Variant("b", False))

    async def client_gone(self, name: str) -> None:
        """Lose the link, or stop trying, when the last program that wanted it has left."""
        if name in self._owners:
            self._owners.remove(name)
            if not self._owners:
                self._give_up()
                if self.link:
                    self._radio.lose_link(self.link)
        if self._objects:
            with suppress(BlueZError):  # the link went before we could say anything
                await self._objects.client_gone(name)

    async def close(self) -> None:
        """Stop what runs for this device."""
        await self._resolving.close()

    async def disconnect(self) -> None:
        """End the link, if there is one, or the attempt to make it."""
        self._give_up()
        if self.link:
            await self.link.disconnect()

    async def _connect(self, call: Call) -> list[Any]:
        if self._attempt:
            raise BlueZError("InProgress", "In Progress")
        self._owners.add(call.sender)
        if self.link:
            return []
        task = self._attempt = asyncio.current_task()
        self._given_up = False
        try:
            await self._radio.connect(self._address)
        except (TimeoutError, LinkError) as error:
            raise BlueZError("Failed", "le-connection-timeout") from error
        except asyncio.CancelledError:
            if not self._given_up or task is None:
                raise
            task.uncancel()
            raise BlueZError("Failed", "le-connection-canceled") from None
        finally:
            self._attempt = None
        return []

    def _give_up(self) -> None:
        if self._attempt:
            self._given_up = True
            self._attempt.cancel()

    async def _disconnect(self, _call: Call) -> list[Any]:
        if not self.link and not self._attempt:
            raise BlueZError("NotConnected", "Not Connected")
        await self.disconnect()
        return []

    async def _pair(self, _call: Call) -> list[Any]:
        raise BlueZError("AuthenticationFailed", "virtual-bluez offers no pairing")

    async def _cancel_pairing(self, _call: Call) -> list[Any]:
        raise BlueZError("DoesNotExist", "Does Not Exist")

    async def _resolve(self, client: AttClient, objects: RemoteObjects) -> None:
        try:
            await client.exchange_mtu(self._radio.mtu)
            services = await client.discover()
        except BlueZError:
            # Lost meanwhile: link_down has said so. Refused: a device we cannot use.
            if self.link and self._client is client:
                self._radio.lose_link(self.link)
            return
        objects.show(services)
        uuids = self._with_known_uuids([uuid_text(service.uuid) for service in services])
        self._change(UUIDs=uuids, ServicesResolved=Variant("b", True))

    def _with_known_uuids(self, uuids: list[str]) -> Variant:
        """Return what was advertised or discovered so far together with *uuids*."""
        return Variant("as", list(dict.fromkeys([*self._interface.properties["UUIDs"].value, *uuids])))

    def _change(self, **changed: Variant) -> None:
        self._tree.change(self.path, names.DEVICE, changed)


def _properties(address: str) -> dict[str, Variant]:
    no = Variant("b", False)
    return {
        "Address": Variant("s", address),
        "AddressType": Variant("s", "public"),
        # BlueZ' way of saying that it knows no name.
        "Alias": Variant("s", address.replace(":", "-")),
        "Adapter": Variant("o", names.ADAPTER_PATH),
        "Paired": no,
        "Bonded": no,
        "Trusted": no,
        "Blocked": no,
        "LegacyPairing": no,
        "Connected": no,
        "ServicesResolved": no,
        "UUIDs": Variant("as", []),
    }
