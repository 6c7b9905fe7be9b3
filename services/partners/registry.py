"""Which subscriptions there are and whom they are about, remembered until somebody changes one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.agreement import Agreement
from services.partners.domain.fact import About, Fact
from services.partners.domain.redaction import Pseudonyms
from services.partners.domain.subscription import State, Subscription
from services.partners.domain.vocabulary import Scope
from services.partners.suspensions import suspensions
from services.partners.tables import AGREEMENTS, SUBSCRIPTIONS
from shared.persistence.database import Database, scalar
from shared.protection.vault import Vault, vault_of


@dataclass(frozen=True)
class Standing:
    """A subscription, under what it stands, and the names that its agency knows cases by."""

    subscription: Subscription
    agreement: Agreement
    pseudonyms: Pseudonyms


@dataclass
class Registry:
    """What is in force, found by event type and by whom it is about."""

    version: int = -1
    #: Every subscription, also those that have ended.
    every: dict[UUID, Standing] = field(default_factory=dict)
    #: Agencies to which nothing leaves.
    suspended: frozenset[UUID] = frozenset()
    _standing: dict[tuple[str, str, object], list[Standing]] = field(default_factory=dict)

    async def standing(self, connection: AsyncConnection, subscription: UUID) -> Standing | None:
        """A subscription as it stands now. What is handed out is read, and never changed."""
        await self.refresh(connection)
        return self.every.get(subscription)

    async def refresh(self, connection: AsyncConnection) -> None:
        """Read it anew if anybody has changed anything."""
        version = int(await scalar(connection, "SELECT version FROM partner_registry") or 0)
        if version <= self.version:
            return
        suspended = frozenset(await suspensions(connection))
        if version > self.version:
            # Whatever of the rest this build can't read, what is under way stops.
            self.suspended = suspended
        agreements = {each.id: each for each in await AGREEMENTS.find(connection, "true")}
        vault = vault_of(connection)
        every: dict[UUID, Standing] = {}
        found: dict[tuple[str, str, object], list[Standing]] = {}
        for subscription in await SUBSCRIPTIONS.find(connection, "true ORDER BY id"):
            agreement = agreements[subscription.agreement_id]
            standing = Standing(subscription, agreement, pseudonyms_of(vault, subscription.agency_id))
            every[subscription.id] = standing
            if subscription.state is not State.ENDED:
                for type in subscription.types:
                    found.setdefault((type, *_whose(agreement)), []).append(standing)
        # At once: others read while this one is waiting for the database.
        if version > self.version:
            self.version, self.every, self._standing = version, every, found
            self.suspended = suspended

    def concerned(self, fact: Fact, about: About) -> Iterator[Standing]:
        """Those that may hear of it: the agreement has the last word."""
        yield from self._standing.get((fact.type, Scope.OWN_NATIONALS, about.country_of_origin), ())
        yield from self._standing.get((fact.type, Scope.OWN_FLIGHTS, about.carrier), ())
        for agency in sorted(about.referred_to):
            yield from self._standing.get((fact.type, Scope.OWN_REFERRALS, agency), ())


def pseudonyms_of(vault: Vault, agency_id: UUID) -> Pseudonyms:
    """The agency's own names: who lacks the vault's key can't work them out."""
    return Pseudonyms(b"".join(vault.digest(b"agency %d %s" % (part, agency_id.bytes)) for part in (1, 2)))


def _whose(agreement: Agreement) -> tuple[str, object]:
    match agreement.terms.scope:
        case Scope.OWN_NATIONALS:
            return Scope.OWN_NATIONALS, agreement.agency.country
        case Scope.OWN_FLIGHTS:
            return Scope.OWN_FLIGHTS, agreement.agency.carrier
        case scope:
            return scope, agreement.agency.id


#: Under this name a database's connections have its registry with them.
_OPTION = "homeward_registry"


def equip(database: Database) -> None:
    """Have every connection of the database find one registry."""
    database.equip(**{_OPTION: Registry()})


def registry_of(connection: AsyncConnection) -> Registry:
    """The registry of the database to which the connection goes."""
    found = connection.sync_connection and connection.sync_connection.get_execution_options().get(_OPTION)
    if not isinstance(found, Registry):
        raise RuntimeError("this database was not equipped with a registry")
    return found
