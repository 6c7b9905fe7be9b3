"""Two builds of the whole suite as trees of source: the one before, and the one after it with a change of each kind."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PARTS = ("services", "shared", "examples", "programme.toml")


def previous(to: Path) -> Path:
    """Of the newest version that is tagged; without one, this one."""
    tags = _git("tag", "--list", "v*", "--merged", "HEAD", "--sort=-version:refname").decode().split()
    if not tags:
        return _copy(to)
    to.mkdir()
    subprocess.run(["tar", "-x", "-C", str(to)], input=_git("archive", tags[0], *_PARTS), check=True)
    return to


def following(to: Path) -> Path:
    """This one, changed as a next version might be."""
    tree = _copy(to)
    for name, changes in _CHANGES.items():
        file = tree / name
        text = file.read_text(encoding="utf-8")
        for before, after in changes:
            if text.count(before) != 1:
                raise ValueError(f"{name} has changed: what is replaced there stands in it {text.count(before)} times")
            text = text.replace(before, after)
        file.write_text(text, encoding="utf-8")
    (tree / "services/travel/migrations/versions/9999_expand.py").write_text(_revision(tree), encoding="utf-8")
    return tree


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def _copy(to: Path) -> Path:
    to.mkdir()
    for part in _PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, to / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, to / part)
    return to


def _revision(tree: Path) -> str:
    folder = tree / "services/travel/migrations/versions"
    last = max(each.stem for each in folder.glob("0*.py"))
    return _EXPAND.format(last=last[:4])


_CONTRACTS = "shared/contracts/travel.py"
_CHANGES: dict[str, list[tuple[str, str]]] = {
    _CONTRACTS: [
        # A member that may be missing.
        (
            "    provisional: bool\n    escorted: bool\n",
            "    provisional: bool\n    escorted: bool\n    row: str | None = None\n",
        ),
        # A further word of a vocabulary that no service stores.
        (
            'class SeatReleased(Contract, type="org.homeward.travel.seat-released.v1"):\n',
            'class SeatReleased1(Contract, type="org.homeward.travel.seat-released.v1"):\n',
        ),
        (
            "    reason: SeatReleaseReason\n",
            '''    reason: Literal[
        "withdrawn", "flight_cancelled", "family", "gate", "no_show", "refused", "manual", "escort"
    ]


class SeatReleased(Contract, type="org.homeward.travel.seat-released.v2", replaces=SeatReleased1):
    """The same, with a further reason."""

    flight_id: UUID
    reason: SeatReleaseReason

    @classmethod
    def upcast(cls, older: SeatReleased1) -> "SeatReleased":
        return cls(flight_id=older.flight_id, reason=SeatReleaseReason(older.reason))

    def downcast(self) -> SeatReleased1:
        return SeatReleased1(flight_id=self.flight_id, reason="withdrawn" if self.reason == "stays" else self.reason)
''',
        ),
        # A version, with a member that is required.
        (
            'class ArrivalConfirmed(Contract, type="org.homeward.travel.arrival-confirmed.v1"):\n',
            'class ArrivalConfirmed1(Contract, type="org.homeward.travel.arrival-confirmed.v1"):\n',
        ),
        # And a type.
        (
            "    arrived_on: date\n",
            '''    arrived_on: date


class ArrivalConfirmed(Contract, type="org.homeward.travel.arrival-confirmed.v2", replaces=ArrivalConfirmed1):
    """The same, and by whom."""

    flight_id: UUID
    arrived_on: date
    met_by: str

    @classmethod
    def upcast(cls, older: ArrivalConfirmed1) -> "ArrivalConfirmed":
        return cls(flight_id=older.flight_id, arrived_on=older.arrived_on, met_by="unknown")

    def downcast(self) -> ArrivalConfirmed1:
        return ArrivalConfirmed1(flight_id=self.flight_id, arrived_on=self.arrived_on)


class Welcomed(Contract, type="org.homeward.travel.welcomed.v1"):
    """The person was given something to eat."""

    meal: bool
''',
        ),
    ],
    "shared/contracts/vocabulary.py": [
        ('    WITHDRAWN = "withdrawn"\n', '    WITHDRAWN = "withdrawn"\n    STAYS = "stays"\n'),
    ],
    "services/travel/outgoing.py": [
        ("escorted=event.escorted)", 'escorted=event.escorted, row="7")'),
        (
            "reason=SeatReleaseReason(event.reason.value))",
            'reason=SeatReleaseReason(event.reason.value.replace("withdrawn", "stays")))',
        ),
        (
            "return contracts.ArrivalConfirmed(flight_id=flight_id, arrived_on=arrived_on)",
            'return contracts.ArrivalConfirmed(flight_id=flight_id, arrived_on=arrived_on, met_by="desk")',
        ),
        (
            "    return Outgoing(event.case_id, _of_case(event))\n",
            "    return event if isinstance(event, Outgoing) else Outgoing(event.case_id, _of_case(event))\n",
        ),
    ],
    # A further word in what is stored, which the version before can't read, and waits for this one to.
    "services/partners/domain/vocabulary.py": [
        ('    CLOSED = "closed"\n\n\nclass Need', '    CLOSED = "closed"\n    WELCOMED = "welcomed"\n\n\nclass Need'),
    ],
    "services/partners/milestones.py": [
        (
            "    reintegration.PlanApproved: (Measure.PLANNED, _moment),\n",
            "    reintegration.PlanApproved: (Measure.PLANNED, _moment),\n"
            "    travel.Welcomed: (Measure.WELCOMED, _moment),\n",
        ),
    ],
    # A member of what is stored, which the version before leaves out when it saves.
    "services/travel/domain/case.py": [
        (
            "    kit: bool = False\n    gates: Evaluation",
            '    kit: bool = False\n    shelf: str = "7"\n    gates: Evaluation',
        ),
    ],
    "services/travel/usecases/cases.py": [
        (
            "    uow.record(*arrived)\n",
            """    uow.record(*arrived)
    from shared.contracts.travel import Welcomed
    from shared.messaging.outbox import Outgoing
    uow.record(Outgoing(case_id, Welcomed(meal=True)))
""",
        ),
    ],
}
_EXPAND = '''"""A column that the next version will need."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{last}", None, None


def upgrade() -> None:
    op.execute("ALTER TABLE event_log ADD COLUMN shelf text")
    op.execute("CREATE TABLE shelf (id uuid PRIMARY KEY)")
'''
