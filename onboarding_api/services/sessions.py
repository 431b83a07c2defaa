"""Sessions: opened by a password, kept alive by refresh tokens, ended by their user, by us, or by a token's reuse."""

from collections.abc import Callable
from dataclasses import dataclass, field

from onboarding_api.domain.accounts import Account, Principal
from onboarding_api.domain.audit import Action, Actor, Event, Origin, chain_of
from onboarding_api.domain.errors import CredentialsRefusedError, RefreshRefusedError
from onboarding_api.domain.identifiers import Randomness, Timestamp, UserId, new_uuid
from onboarding_api.domain.sealing import Seal
from onboarding_api.domain.sessions import SESSION_LIFE_S, Ending, RefreshToken, Session, Use
from onboarding_api.services.management.attempts import expect, until_settled
from onboarding_api.storage.accounts import find_account_by_id
from onboarding_api.storage.audit import record
from onboarding_api.storage.database import Database
from onboarding_api.storage.sessions import end_session, find_session, insert_session, rotate_session

Admit = Callable[[Principal], object]
"""Lets in whoever a refresh token belongs to, or refuses, before anything is written."""
_PURPOSE = "refresh tokens"


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that goes on, and what keeps it going."""

    account: Account
    session: str
    token: RefreshToken = field(repr=False)
    expires_at: Timestamp


class Sessions:
    """The sessions of all users."""

    def __init__(self, database: Database, seal: Seal, randomness: Randomness) -> None:
        self._database = database
        self._key = seal.derive(_PURPOSE)
        self._randomness = randomness

    def open(self, account: Account, origin: Origin, now: Timestamp) -> Opened:
        """Open a session for whoever has just shown the account's password, if it still is the password."""
        token = RefreshToken.first(self._randomness)
        expires_at = Timestamp(now + SESSION_LIFE_S)
        session = Session(new_uuid(self._randomness), account.id, token.digest, None, now, expires_at, None)

        def attempt() -> None:
            with self._database.writing() as connection:
                if find_account_by_id(connection, account.id, lock=True) != account:
                    raise CredentialsRefusedError("the account was changed in this moment")
                ended = insert_session(connection, session, token, now)
                opened = _event(Action.SESSION_OPENED, account, session.id, {"ended": ended} if ended else {})
                record(connection, _actor(account, origin), now, opened)

        until_settled(attempt)
        return Opened(account, session.id, token, expires_at)

    def refresh(self, text: str, origin: Origin, now: Timestamp, admit: Admit) -> Opened:
        """Take a refresh token for its successor; end the session if the token has been replaced before."""
        shown = RefreshToken.of(text)
        admit(_principal(*self._find(shown, now), origin))
        return until_settled(lambda: self._refresh(shown, origin, now))

    def end(self, principal: Principal, now: Timestamp) -> None:
        """End the session of an access token."""
        if principal.session is not None:
            self._end(principal.user, principal.session, Ending.SIGNED_OUT, principal.actor, now)

    def revoke(self, text: str, origin: Origin, now: Timestamp, admit: Admit) -> None:
        """End the session of a refresh token, current or not; what is none is none already (RFC 7009 section 2.2)."""
        try:
            account, session = self._find(RefreshToken.of(text), now)
        except RefreshRefusedError:
            return
        admit(_principal(account, session, origin))
        self._end(session.user, session.id, Ending.SIGNED_OUT, _actor(account, origin), now)

    def _refresh(self, shown: RefreshToken, origin: Origin, now: Timestamp) -> Opened:
        account, session = self._find(shown, now)
        use, successor = session.judge(shown, now), shown.successor(self._key)
        if use is Use.REUSE:
            self._end(session.user, session.id, Ending.REUSED, _actor(account, origin), now)
            raise RefreshRefusedError("the refresh token is not valid")
        if use is Use.NEXT:
            with self._database.writing() as connection:
                expect(rotate_session(connection, session, shown, successor, now))
        return Opened(account, session.id, successor, session.expires_at)

    def _find(self, shown: RefreshToken, now: Timestamp) -> tuple[Account, Session]:
        with self._database.reading() as connection:
            session = find_session(connection, shown.handle)
            account = None if session is None else find_account_by_id(connection, session.user)
        if session is None or account is None or account.disabled or not session.live(now):
            raise RefreshRefusedError("the refresh token is not valid")
        return account, session

    def _end(self, user: UserId, session: str, ending: Ending, actor: Actor, now: Timestamp) -> None:
        def attempt() -> None:
            with self._database.writing() as connection:
                account = find_account_by_id(connection, user)
                if account is not None and end_session(connection, user, session, ending, now):
                    ended = _event(Action.SESSION_ENDED, account, session, {"reason": ending.value})
                    record(connection, actor, now, ended)

        until_settled(attempt)


def _event(action: Action, account: Account, session: str, details: dict[str, str | int | None]) -> Event:
    told = {"user": account.name} | details
    return Event(chain_of(account.tenant), action, f"session/{session}", details=told)


def _principal(account: Account, session: Session, origin: Origin) -> Principal:
    return Principal(account.id, account.tenant, account.role, account.name, origin, session.id)


def _actor(account: Account, origin: Origin) -> Actor:
    return Actor(account.id, account.name, account.role.value, origin)
