"""What keeps the service itself from working: keys, addresses, brokers, databases."""

from typing import ClassVar

from onboarding_api.domain.errors.refusal import RegistryError


class KeyFileRefusedError(RegistryError):
    """The key-encryption key cannot be read, or others could read it."""

    remedy = "Give --key-file (ONBOARDING_KEY_FILE) a file of mode 0600; onboarding-api db upgrade creates one."


class KeyFileLostError(KeyFileRefusedError):
    """There is no key file, and the database has keys that open with none but theirs."""

    remedy = "Give --key-file (ONBOARDING_KEY_FILE) the file that this database was created with; it is in your backup."


class SealBrokenError(RegistryError):
    """A stored private key does not open: it was sealed under another key-encryption key, or altered."""

    remedy = (
        "Give --key-file (ONBOARDING_KEY_FILE) the file that this database was created with."
        " If only keys of access tokens do not open with it, run: onboarding-api signing-key rotate"
    )


class AddressRefusedError(RegistryError):
    """The address to listen on is malformed or taken."""

    remedy = "Give --bind (ONBOARDING_BIND) a free HOST:PORT."


class IssuerRefusedError(RegistryError):
    """Nobody, or somebody else, would be named as the issuer of our tokens and assignments."""

    remedy = "Give --issuer (ONBOARDING_ISSUER) a name that is this service's alone and stays: devices pin it."


class BrokerRefusedError(RegistryError):
    """The broker's address, its authority, or our certificate there cannot be used."""

    remedy = "Give --broker mqtts://HOST:PORT and readable PEM files as --broker-ca, --certificate and --key."


class DatabaseUnusableError(RegistryError):
    """The database URL is wrong, or what it names cannot be opened."""

    remedy = (
        "Give --database (ONBOARDING_DATABASE) a URL such as sqlite:////var/lib/onboarding/registry.db"
        " or postgresql+psycopg://USER@HOST/DATABASE."
    )


class DatabaseUnreachableError(DatabaseUnusableError):
    """The database server does not answer, or has just ended our connection."""

    remedy = "Try again shortly; if it stays, check that the server runs and that --database names it."
    retry_after_s: ClassVar[int] = 5


class DatabaseBusyError(RegistryError):
    """Others keep the database busy for longer than anybody should wait, or what was asked takes longer."""

    remedy = "Try again shortly; a search, with fewer or other filters."
    retry_after_s: ClassVar[int] = 5


class SchemaOutdatedError(RegistryError):
    """The database's tables are not the ones this program needs."""

    remedy = "Run: onboarding-api db upgrade --database URL --key-file FILE"


class ConcurrentChangeError(RegistryError):
    """Somebody else changed the same rows at the same time, more often than we care to repeat."""

    remedy = "Send the same request again."


class RateExceededError(RegistryError):
    """An account or a tenant asks more often, or for more at once, than it may."""

    remedy = "Wait as long as Retry-After says, then ask less often; the operator sets the limits."

    def __init__(self, sentence: str, retry_after_s: int, wait_s: float = 0) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s
        self.wait_s = wait_s
        """For how long any request of these credentials would be refused; 0 if that cannot be said."""


class PasswordChecksBusyError(RegistryError):
    """More passwords wait to be hashed than this process lets wait."""

    remedy = "Wait as long as Retry-After says; use an access token instead of a password where you can."

    def __init__(self, sentence: str, retry_after_s: int) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class ConfigurationRefusedError(RegistryError):
    """A setting has a value that this program cannot work with."""

    remedy = "See: onboarding-api COMMAND --help"
