"""Onboardings: giving a challenge, and telling its user what became of it."""

from onboarding_api.domain.accounts import Principal
from onboarding_api.domain.errors import BootstrappingKeyRefusedError, OnboardingUnknownError
from onboarding_api.domain.identifiers import HardwareId, OnboardingId, Randomness, Timestamp, new_uuid
from onboarding_api.domain.onboardings import CHALLENGE_LIFE_S, OnboardingView, OpenOnboarding
from onboarding_api.storage.database import Database
from onboarding_api.storage.onboardings import find_held, find_progress, open_onboarding
from onboarding_protocol.bootstrapping import BootstrappingError, BootstrappingKey
from onboarding_protocol.identity import CHALLENGE_OCTETS


class Onboardings:
    """The onboarding resource, without its registration."""

    def __init__(self, database: Database, randomness: Randomness) -> None:
        self._database = database
        self._randomness = randomness

    def open(self, principal: Principal, label_key: bytes, now: Timestamp) -> OpenOnboarding:
        """Give a challenge for this label; show the device only to the user who already holds it."""
        claimant = principal.claimant()
        try:
            key = BootstrappingKey.from_spki(label_key)
        except BootstrappingError as error:
            raise BootstrappingKeyRefusedError(str(error)) from error
        hardware = HardwareId(key.key_hash)
        with self._database.reading() as connection:
            device = find_held(connection, claimant, hardware)
        opened = OpenOnboarding(
            id=OnboardingId(new_uuid(self._randomness)),
            hardware=hardware,
            challenge=self._randomness(CHALLENGE_OCTETS),
            expires_at=Timestamp(now + CHALLENGE_LIFE_S),
            device=device,
        )
        with self._database.writing() as connection:
            open_onboarding(connection, claimant, opened, key.spki, now)
        return opened

    def read(self, principal: Principal, onboarding: OnboardingId, now: Timestamp) -> OnboardingView:
        """Return one's own onboarding as it stands."""
        with self._database.reading() as connection:
            progress = find_progress(connection, principal.claimant(), onboarding)
        if progress is None:
            raise OnboardingUnknownError("there is no such onboarding")
        return progress.view(now)
