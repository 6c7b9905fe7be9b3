"""The unit of work: what happened is told to whom it concerns, in the transaction that learns of it."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.agreement import Agency, Agreement
from services.partners.domain.answer import Answer
from services.partners.domain.fact import About, Case, Fact, Flight
from services.partners.domain.figures import Cell
from services.partners.domain.redaction import Redacted, stated
from services.partners.domain.subscription import Subscription
from services.partners.domain.vocabulary import Precision
from services.partners.editions import tally
from services.partners.kept import SOURCE, TEST, Gone, Kept, keep, lock
from services.partners.ledger import forget, kept_for, withhold
from services.partners.registry import Registry, Standing, registry_of
from services.partners.tables import AGENCIES, AGREEMENTS, ANSWERS, CASES, FLIGHTS, SUBSCRIPTIONS, forget_answers
from services.partners.telling import Buried, bury, tell
from shared.ids import new_id
from shared.persistence.database import Database, run, scalar
from shared.persistence.store import Collection, Store
from shared.persistence.unit_of_work import UnitOfWork

#: Days in which an agency must have said that it has destroyed what a tombstone names.
ACKNOWLEDGED_WITHIN = timedelta(days=7)
Write = Callable[[AsyncConnection], Awaitable[None]]


class Unit(UnitOfWork):
    """One transaction of the partners' service."""

    STORES: ClassVar[tuple[Store[Any], ...]] = (FLIGHTS, CASES, AGENCIES, AGREEMENTS, SUBSCRIPTIONS, ANSWERS)

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._kept: list[Kept] = []
        #: With whether nothing may lead back to the person.
        self._buried: list[tuple[Buried, bool]] = []
        self._writes: list[Write] = []
        self._forgotten: list[UUID] = []
        self._counted: Counter[Cell] = Counter()
        self._concerned: list[Case] = []
        #: Whether what was agreed upon has changed.
        self.agreed_anew = False

    @property
    def flights(self) -> Collection[Flight]:
        """The loaded flights."""
        return self.collection(FLIGHTS)

    @property
    def cases(self) -> Collection[Case]:
        """The loaded cases."""
        return self.collection(CASES)

    @property
    def agencies(self) -> Collection[Agency]:
        """The loaded agencies."""
        return self.collection(AGENCIES)

    @property
    def agreements(self) -> Collection[Agreement]:
        """The loaded agreements."""
        return self.collection(AGREEMENTS)

    @property
    def subscriptions(self) -> Collection[Subscription]:
        """The loaded subscriptions."""
        return self.collection(SUBSCRIPTIONS)

    @property
    def answers(self) -> Collection[Answer]:
        """The loaded answers."""
        return self.collection(ANSWERS)

    @property
    def registry(self) -> Registry:
        """What is in force."""
        return registry_of(self.connection)

    async def load(self, **ids: Iterable[UUID]) -> None:
        """Lock and load; who hears of what is known from then on."""
        await super().load(**ids)
        # After the locks: what was subscribed while it waited for them is seen.
        async with self.across_offices():
            await self.registry.refresh(self.connection)

    def tell(self, fact: Fact, about: About, *, to: UUID | None = None) -> int:
        """Keep the fact for each subscription that it concerns, as its agreement lets it be told; how many these are.

        ``to``: what was agreed with this agency alone is nobody else's business.
        """
        before = len(self._kept)
        for standing in self.registry.concerned(fact, about):
            if to in (None, standing.agreement.agency_id):
                self.give(fact, about, standing)
        return len(self._kept) - before

    def give(self, fact: Fact, about: About, standing: Standing) -> None:
        """Keep the fact for this subscription, as its agreement lets it be told."""
        _, event = tell(fact, about, standing, self.clock.today())
        if event is not None:
            self._keep(standing.subscription.id, about, event, case=isinstance(about, Case))

    def count(self, before: frozenset[Cell], after: frozenset[Cell]) -> None:
        """A case counted in some cells, and counts in these now."""
        self._counted.update(after - before)
        self._counted.subtract(before - after)

    def bury(
        self, case: Case, why: Gone, *, of: str | None = None, referred: UUID | None = None, outside: bool = False
    ) -> None:
        """Tell those who were told of the case to destroy what they hold; who is meant is said at ``telling.bury``."""
        now = self.clock.now()
        due, erased = now.date() + ACKNOWLEDGED_WITHIN, why is Gone.ERASED
        for each in bury(case, why, self.registry.every, now, of=of, referred=referred, outside=outside):
            kept_for = None if erased else case.id
            self._kept.append(Kept(each.subscription, kept_for, each.sequence, each.event, now, due))
            self._buried.append((each, erased))

    def try_out(self, subscription: Subscription) -> UUID:
        """Have an event delivered that tells of nobody; its id."""
        now, id = self.clock.now(), new_id()
        event = Redacted(id, SOURCE, TEST, id, stated(now, Precision.EXACT), {})
        self._kept.append(Kept(subscription.id, None, 1, event, now))
        return id

    def forget(self, case_id: UUID) -> None:
        """Destroy what agencies have answered about somebody who is erased, and what they were told."""
        self.destroy(case_id)
        self.write(lambda connection: forget_answers(connection, case_id))
        self._forgotten.append(case_id)

    async def erase(self, owner: UUID) -> None:
        """The same of a case that a restored backup has brought back."""
        self.forget(owner)

    def concerns(self, case: Case) -> None:
        """Have the audit name the case, whether it has changed or not."""
        self._concerned.append(case)

    def touched(self) -> dict[str | None, set[UUID]]:
        """What was saved, and whom that is about."""
        found = super().touched()
        for case in self._concerned:
            found.setdefault(case.office, set()).add(case.id)
        return found

    def write(self, work: Write) -> None:
        """Have this written when the unit ends, as the tables' owner."""
        self._writes.append(work)

    async def flush(self) -> None:
        """Write everything; what is kept comes last, for positions are locked after all else."""
        await super().flush()
        for work in self._writes:
            await work(self.connection)
        if changed := {cell: by for cell, by in self._counted.items() if by}:
            await tally(self.connection, changed)
            self._counted.clear()
        if self._forgotten:
            told = await kept_for(self.connection, self._forgotten)
            await lock(self.connection, told | {each.subscription for each in self._kept})
            await forget(self.connection, self._forgotten)
            self._forgotten = []
        if self._kept:
            await keep(self.connection, self._kept)
            await self._withhold()
            self._kept = []
        if self.agreed_anew:
            await run(self.connection, "UPDATE partner_registry SET version = version + 1")

    async def _withhold(self) -> None:
        """Empty what was kept before the tombstones. Positions are locked: nothing is handed out meanwhile."""
        # Of who is erased in the same unit there is no key any more with which to seal what was told.
        erased = {(each.subscription, each.event.subject) for each, gone in self._buried if gone}
        for each, _ in self._buried:
            subject = (each.subscription, each.event.subject)
            await withhold(self.connection, *subject, each.sequence, forget=subject in erased)
        self._buried = []

    def _keep(self, subscription: UUID, about: About, event: Redacted, *, case: bool) -> None:
        sequence = about.next_for(subscription)
        self._kept.append(Kept(subscription, about.id if case else None, sequence, event, self.clock.now()))


async def signed_copy(database: Database, agreement: Agreement) -> bytes:
    """The file: no office's, and read with no office's sight."""
    statement = "SELECT content FROM signed_copy WHERE agreement_id = :id AND digest = :digest"
    async with database.statement() as connection:
        return bytes(await scalar(connection, statement, id=agreement.id, digest=agreement.signed_copy))
