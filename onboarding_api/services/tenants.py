"""Tenants: created with their certification authority, and what a broker must trust."""

from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from onboarding_api.domain.audit import SERVICE, SERVICE_CHAIN, Action, Actor, Event, chain_of
from onboarding_api.domain.canonical import digest
from onboarding_api.domain.certificates import Authority, create_authority, new_serial
from onboarding_api.domain.errors import (
    EndpointMissingError,
    EndpointRefusedError,
    TenantUnknownError,
)
from onboarding_api.domain.hono import Document, tenant_document
from onboarding_api.domain.identifiers import (
    AuthorityId,
    Randomness,
    TenantId,
    Timestamp,
    Version,
    new_uuid,
)
from onboarding_api.domain.management.tenants import read_tenant_document
from onboarding_api.domain.sealing import Seal
from onboarding_api.services.management.attempts import until_settled
from onboarding_api.storage.audit import record
from onboarding_api.storage.database import Database
from onboarding_api.storage.tenant_documents import insert_tenant_document, require_names_apart
from onboarding_api.storage.tenants import (
    SealedAuthority,
    TenantRecord,
    authority_certificates,
    find_authority,
    insert_authority,
    list_tenants,
    set_endpoint,
    tenant_exists,
)
from onboarding_protocol.assignment import TrustAnchor

_PURPOSE = "tenant authority"
_SCHEMES = {"mqtts"}
ENDPOINT_MAX = 2048


class Tenants:
    """Creates tenants."""

    def __init__(self, database: Database, seal: Seal, randomness: Randomness) -> None:
        self._database = database
        self._seal = seal
        self._randomness = randomness

    def create(
        self,
        tenant: TenantId,
        endpoint_url: str,
        endpoint_ca: bytes | None,
        now: Timestamp,
        by: Actor = SERVICE,
        document: Document | None = None,
    ) -> Authority:
        """Create a tenant and its authority; `endpoint_ca` is the PEM of who vouches for the endpoint."""
        require_endpoint(endpoint_url)
        anchor = _read_anchor(endpoint_ca) if endpoint_ca else None
        given = tenant_document() if document is None else document
        checked = read_tenant_document(given, lambda: new_uuid(self._randomness))
        authority, sealed = self._new_authority(tenant, now)
        version = Version(new_uuid(self._randomness))

        def attempt() -> Authority:
            with self._database.writing() as connection:
                insert_tenant_document(connection, tenant, version, checked, now)
                set_endpoint(connection, tenant, endpoint_url, anchor)
                insert_authority(connection, sealed, now)
                created = _events(Action.TENANT_CREATED, tenant, endpoint_url, version, digest(checked.body))
                record(connection, by, now, *created)
                require_names_apart(connection, tenant, checked.alias)
            return authority

        return until_settled(attempt)

    def give_endpoint(
        self, tenant: TenantId, endpoint_url: str, endpoint_ca: bytes | None, now: Timestamp, by: Actor = SERVICE
    ) -> None:
        """Say where a tenant's devices connect from now on; make its authority if it has none yet."""
        require_endpoint(endpoint_url)
        anchor = _read_anchor(endpoint_ca) if endpoint_ca else None
        _, sealed = self._new_authority(tenant, now)
        with self._database.writing() as connection:
            if not set_endpoint(connection, tenant, endpoint_url, anchor):
                raise TenantUnknownError(f"there is no tenant {tenant}")
            if not authority_certificates(connection, tenant):
                insert_authority(connection, sealed, now)
            record(connection, by, now, *_events(Action.TENANT_ENDPOINT, tenant, endpoint_url))

    def _new_authority(self, tenant: TenantId, now: Timestamp) -> tuple[Authority, SealedAuthority]:
        key = ec.generate_private_key(ec.SECP256R1())
        serial = new_serial(self._randomness)
        authority = create_authority(AuthorityId(new_uuid(self._randomness)), tenant, key, serial, now)
        sealed = SealedAuthority(
            id=authority.id,
            tenant=tenant,
            subject_dn=authority.certificate.subject.rfc4514_string(),
            certificate=authority.certificate.public_bytes(Encoding.DER),
            sealed_key=self._seal.close(key, _PURPOSE, tenant, self._randomness),
        )
        return authority, sealed


class TenantDirectory:
    """What may be known about tenants without opening any key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> list[TenantRecord]:
        """Return all tenants, by id."""
        with self._database.reading() as connection:
            return list(list_tenants(connection))

    def authority_pem(self, tenant: TenantId) -> str:
        """Return what the broker must trust for this tenant's devices, as PEM."""
        with self._database.reading() as connection:
            certificates = authority_certificates(connection, tenant)
            if not certificates and not tenant_exists(connection, tenant):
                raise TenantUnknownError(f"there is no tenant {tenant}")
        if not certificates:
            raise EndpointMissingError(f"the tenant {tenant} has no endpoint yet, so nothing certifies its devices")
        loaded = (x509.load_der_x509_certificate(der) for der in certificates)
        return "".join(certificate.public_bytes(Encoding.PEM).decode("ascii") for certificate in loaded)


class Authorities:
    """The tenants' authorities, each opened once per process."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        self._opened: dict[AuthorityId, Authority] = {}

    def get(self, tenant: TenantId, authority: AuthorityId) -> Authority:
        """Return one authority, ready to sign."""
        if opened := self._opened.get(authority):
            return opened
        with self._database.reading() as connection:
            sealed = find_authority(connection, tenant, authority)
        key = self._seal.open(sealed.sealed_key, _PURPOSE, tenant)
        opened = Authority.of(authority, tenant, x509.load_der_x509_certificate(sealed.certificate), key)
        return self._opened.setdefault(authority, opened)


def require_endpoint(url: str) -> None:
    """Refuse an address that a device could not connect to with its certificate."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _SCHEMES and parts.hostname and parts.port and not parts.path.strip("/")
    except ValueError:
        usable = False
    if len(url) > ENDPOINT_MAX:
        raise EndpointRefusedError(f"an endpoint's address has no more than {ENDPOINT_MAX} characters")
    if not usable or not url.isascii() or "@" in url:
        raise EndpointRefusedError(f"not an endpoint a device can use: {url}")


def _events(
    action: Action, tenant: TenantId, endpoint_url: str, version: Version | None = None, hashed: str | None = None
) -> list[Event]:
    told = {"endpoint": endpoint_url}
    chains = (SERVICE_CHAIN, chain_of(tenant))
    return [Event(chain, action, f"tenant/{tenant}", version, hashed, told) for chain in chains]


def _read_anchor(pem: bytes) -> tuple[bytes, bytes]:
    try:
        anchor = TrustAnchor.from_certificate(x509.load_pem_x509_certificate(pem))
    except ValueError as error:
        raise EndpointRefusedError(f"the endpoint's authority cannot be used: {error}") from error
    return anchor.name, anchor.key
