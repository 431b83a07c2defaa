"""First contact: a device was seen at its endpoint, so its registration is `connected` and its label locked.

The rule kept here: only what the backend itself has seen counts, never a phone's word; only if tenant and device
belong together in a row of ours; and only with the newest assignment. A device that was registered anew may still
hold its old link, and what it says there proves nothing about the new certificate.
"""

from onboarding_api.domain.audit import Action, Actor, Event, chain_of
from onboarding_api.domain.identifiers import DeviceKey, Timestamp
from onboarding_api.storage.audit import record
from onboarding_api.storage.contacts import Contact, find_contact, mark_connected
from onboarding_api.storage.database import Database


class Contacts:
    """Takes notice of devices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def seen(self, key: DeviceKey, sequence: int, now: Timestamp) -> Contact:
        """Take notice of a device that connects with its assignment `sequence`; only its first contact writes."""
        with self._database.reading() as connection:
            contact = find_contact(connection, key, sequence)
        if contact is Contact.FIRST:
            with self._database.writing() as connection:
                if not mark_connected(connection, key, sequence, now):
                    return find_contact(connection, key, sequence)  # another listener was first, or the device is gone
                told = Event(chain_of(key.tenant), Action.DEVICE_CONNECTED, f"device/{key.device}")
                record(connection, Actor(key.device, None, "device"), now, told)
        return contact
