"""Migrations come before the new version: what they do to a database is something that the running one lives with."""

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

from tests.architecture.tree import ROOT, SERVICES

#: Each service's newest revision in the first release candidate: no database that is to be kept has seen less.
FIRST_RELEASE = {
    "gateway": "0008",
    "monitoring": "0006",
    "partners": "0014",
    "reintegration": "0006",
    "screening": "0008",
    "travel": "0006",
}
#: By service and revision: why it may break the rule, such as "nothing has used the column since 0.2.0".
EXCUSED: dict[tuple[str, str], str] = {}

#: What the version before can't live with, and why.
_BREAKING = {
    r"\bDROP (?!INDEX\b|CONSTRAINT\b|NOT NULL\b|DEFAULT\b)": "drops what may still be used",
    r"\bDROP DEFAULT\b": "takes a default that may still be counted on",
    r"\bRENAME\b": "renames what may still be used",
    r"\bSET NOT NULL\b": "requires what may still be left out",
    r"\bALTER (COLUMN )?\w+ (SET DATA )?TYPE\b": "changes a type",
    r"\bTRUNCATE\b": "empties a table",
}
_ADDED = re.compile(
    r"\bADD (?:COLUMN )?(?!CONSTRAINT|CHECK|UNIQUE|FOREIGN|PRIMARY)(?:(?!, (?:ADD|DROP|ALTER)\b).)*", re.I
)
_CONSTRAINT = re.compile(r"\bADD (?:CONSTRAINT (\w+)|CHECK|UNIQUE|FOREIGN|PRIMARY)", re.I)


def breaking(sql: str) -> Iterator[str]:
    """What these statements do that the version before can't live with."""
    statements = [" ".join(re.sub(r"--.*", "", each).split()) for each in re.split(r";\s*$", sql, flags=re.M)]
    new = {name for each in statements for name in re.findall(r"^CREATE TABLE (\w+)", each, re.I)}
    dropped = {
        name for each in statements for name in re.findall(r"\bDROP CONSTRAINT (?:IF EXISTS )?(\w+)", each, re.I)
    }
    for each in statements:
        altered = re.match(r"(?:ALTER TABLE(?: ONLY)?|CREATE UNIQUE INDEX .*?\bON) (\w+)", each, re.I)
        if altered and altered[1] in new:
            continue
        yield from (f"{why}: {each}" for pattern, why in _BREAKING.items() if re.search(pattern, each, re.I))
        for column in _ADDED.findall(each):
            if re.search("NOT NULL|PRIMARY KEY", column, re.I) and not re.search("DEFAULT|GENERATED", column, re.I):
                yield f"requires a column that the version before doesn't know: {each}"
        if any(name not in dropped for name in _CONSTRAINT.findall(each)) or re.match(
            "CREATE UNIQUE INDEX", each, re.I
        ):
            yield f"allows less than before: {each}"


def statements_of(revision: Script) -> str:
    """The SQL of its ``upgrade``, also of what it calls."""
    told = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": told, "transactional_ddl": False}
    )
    with Operations.context(context):
        revision.module.upgrade()
    return told.getvalue()


def since_the_first_release(service: str, migrations: Path) -> list[Script]:
    """Its revisions that a rollout may bring to a database in use."""
    return list(ScriptDirectory(str(migrations)).iterate_revisions("heads", FIRST_RELEASE[service]))


def _migrations(service: str) -> Path:
    return ROOT / "services" / service / "migrations"


@pytest.mark.parametrize("service", SERVICES)
def test_the_running_version_lives_with_every_revision(service: str) -> None:
    for revision in since_the_first_release(service, _migrations(service)):
        if (service, revision.revision) not in EXCUSED:
            found = list(breaking(statements_of(revision)))
            assert not found, "expand first, and contract in a later version (docs/deploy.md, Upgrades):\n" + "\n".join(
                [revision.path, *found]
            )


def test_every_excuse_is_needed() -> None:
    for service, number in EXCUSED:
        revisions = {each.revision: each for each in since_the_first_release(service, _migrations(service))}
        assert list(breaking(statements_of(revisions[number])))


BREAKING = {
    'op.execute("DROP TABLE travel_household")': "drops",
    'op.execute("ALTER TABLE travel_case DROP band")': "drops",
    'op.execute("ALTER TABLE travel_case RENAME COLUMN band TO height")': "renames",
    'op.execute("ALTER TABLE travel_case ALTER COLUMN band SET NOT NULL")': "requires",
    'op.execute("ALTER TABLE travel_case ALTER band TYPE text")': "changes a type",
    'op.execute("ALTER TABLE travel_case ADD COLUMN row text, ADD COLUMN shelf text NOT NULL")': "doesn't know",
    'op.execute("ALTER TABLE travel_case ADD CONSTRAINT high CHECK (band > 1)")': "allows less",
    'op.execute("CREATE UNIQUE INDEX alone ON travel_case (flight_id)")': "allows less",
    'op.drop_column("travel_case", "band")': "drops",
    'op.rename_table("travel_case", "journey")': "renames",
    'op.alter_column("travel_case", "band", nullable=False)': "requires",
    'op.alter_column("travel_case", "band", type_=Text())': "changes a type",
    # Of a column: another one takes its name.
    'seal_column(op, "travel_override", "reason")': "renames",
}
FINE = [
    'op.execute("ALTER TABLE event_log ADD COLUMN shelf text")',
    'op.execute("ALTER TABLE travel_case ADD COLUMN row int NOT NULL DEFAULT 0, ADD COLUMN shelf text")',
    'op.execute("ALTER TABLE travel_case DROP CONSTRAINT high, ADD CONSTRAINT high CHECK (band > 0)")',
    'op.execute("ALTER TABLE travel_case ALTER COLUMN status DROP NOT NULL")',
    'op.execute("CREATE TABLE shelf (id uuid PRIMARY KEY)"); op.execute("CREATE UNIQUE INDEX one ON shelf (id)")',
    'op.execute("CREATE INDEX travel_case_band ON travel_case (band)")',
    'op.execute("UPDATE travel_case SET band = 1 WHERE band IS NULL")',
]

_PLANTED = """
from alembic import op
from sqlalchemy import Text

from shared.persistence.schema import seal_column

revision, down_revision, branch_labels, depends_on = "9999", "{last}", None, None


def upgrade() -> None:
    {what}
"""


def _planted(what: str, folder: Path) -> list[str]:
    """What is found in a revision that comes after travel's."""
    migrations = Path(shutil.copytree(_migrations("travel"), folder / "migrations"))
    last = ScriptDirectory(str(migrations)).get_current_head()
    (migrations / "versions/9999_planted.py").write_text(_PLANTED.format(last=last, what=what))
    [newest, *_] = since_the_first_release("travel", migrations)
    assert newest.revision == "9999"
    return list(breaking(statements_of(newest)))


@pytest.mark.parametrize("what", BREAKING)
def test_what_the_running_version_cannot_live_with_is_found(what: str, tmp_path: Path) -> None:
    assert any(BREAKING[what] in each for each in _planted(what, tmp_path))


@pytest.mark.parametrize("what", FINE)
def test_what_a_version_may_change_is_not(what: str, tmp_path: Path) -> None:
    assert _planted(what, tmp_path) == []
