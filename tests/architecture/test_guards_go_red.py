"""Every guard goes red on a planted violation, and stays green on what only looks like one."""

import shutil
from pathlib import Path

import pytest

from tests.architecture.rules import LONGEST_FILE, LONGEST_FUNCTION, RULES
from tests.architecture.source import Source
from tests.architecture.tree import ROOT, lint_imports

#: Rule, path, text that breaks it.
PLANTED = (
    ("commits", "services/travel/usecases.py", "async def save(c):\n    await c.commit()"),
    ("commits", "shared/web/commands.py", "def save(c):\n    c.connection.commit()"),
    ("naive-datetimes", "shared/scheduler.py", "from datetime import datetime\ndue = lambda: datetime.now()"),
    ("naive-datetimes", "shared/scheduler.py", "import datetime as dt\ndue = lambda: dt.datetime.utcnow()"),
    ("naive-datetimes", "tests/unit/test_x.py", "from datetime import date as day\nnow = day.today()"),
    ("naive-datetimes", "tests/unit/test_x.py", "from datetime import datetime\nat = datetime(2026, 3, 1)"),
    ("naive-datetimes", "tests/unit/test_x.py", "from datetime import datetime\nat = datetime.fromtimestamp(0)"),
    (
        "other-clocks",
        "services/travel/handlers.py",
        "from datetime import UTC, datetime\nf = lambda: datetime.now(UTC)",
    ),
    ("other-clocks", "services/travel/domain/case.py", "import time\nf = lambda: time.time()"),
    ("other-clocks", "services/travel/api.py", "from datetime import date\nf = dict(default_factory=date.today)"),
    ("work-at-import", "shared/persistence/database.py", "import sqlalchemy as sa\nengine = sa.create_engine('x')"),
    ("work-at-import", "services/travel/app.py", "from services.travel.settings import Settings\nS = Settings()"),
    ("work-at-import", "services/travel/api.py", "from opentelemetry import trace\nT = trace.get_tracer('x')"),
    ("work-at-import", "services/travel/api.py", "class Desk:\n    def f(self, c=Client()): ..."),
    ("work-at-import", "shared/settings.py", "import os\nif os.environ['CI']:\n    X = 1"),
    ("swallowed-errors", "shared/messaging/relay.py", "for x in y:\n    try: f(x)\n    except Exception: continue"),
    ("swallowed-errors", "services/travel/api.py", "try: f()\nexcept: pass"),
    ("swallowed-errors", "services/travel/api.py", "try: f()\nexcept (ValueError, Exception): ..."),
    ("swallowed-errors", "shared/service.py", "from contextlib import suppress\nwith suppress(Exception): f()"),
    ("prints", "services/travel/handlers.py", "def f(x):\n    print(x)"),
    ("secrets-compared", "shared/auth/tokens.py", "def f(given, token):\n    return given == token"),
    ("secrets-compared", "services/gateway/hooks.py", "def f(x, y):\n    if x.signature != y: raise KeyError"),
    ("impure-domain", "services/travel/domain.py", "import pydantic"),
    ("impure-domain", "services/travel/domain/case.py", "from shared.clock import Clock"),
    ("impure-domain", "services/travel/domain/case.py", "from services.travel.repository import Unit"),
    ("impure-domain", "services/travel/domain/case.py", "from services.screening.domain.case import Case"),
    ("impure-fold", "services/gateway/stages.py", "from services.gateway.repository import Unit"),
    (
        "across-offices",
        "services/travel/usecases/cases.py",
        "async def f(uow):\n    async with uow.across_offices(): ...",
    ),
    ("across-offices", "services/gateway/reads.py", "async def f(self, c):\n    await self.sight.leave(c)"),
    (
        "unlimited-reads",
        "services/travel/api/flights.py",
        "async def f(desk):\n    async with desk.database.transaction(): ...",
    ),
    (
        "unlimited-reads",
        "services/gateway/reads.py",
        "async def f(self):\n    async with self.database.statement(): ...",
    ),
    ("environment", "services/travel/clients.py", "import os\nurl = lambda: os.environ['URL']"),
    ("environment", "services/travel/clients.py", "from os import getenv\nurl = lambda: getenv('URL')"),
    ("sizes", "shared/service.py", "def f():\n" + "    x = 1\n" * LONGEST_FUNCTION),
    ("sizes", "services/travel/api.py", "x = 1\n" * (LONGEST_FILE + 1)),
    ("machine-paths", "docs/runbook.md", "Look into " + "/".join(["", "home", "amina", "homeward"])),
    ("machine-paths", "tests/support/servers.py", f"path = '{'/'.join(['', 'root', '.cache'])}'"),
)

#: Rule, path, text that keeps it.
HARMLESS = (
    ("commits", "services/reintegration/domain/case.py", "def approve(fund, plan):\n    fund.commit(plan.held)"),
    ("commits", "shared/persistence/database.py", "async def save(c):\n    await c.commit()"),
    ("naive-datetimes", "shared/clock.py", "from datetime import UTC, datetime\nf = lambda: datetime.now(UTC)"),
    ("naive-datetimes", "shared/clock.py", "from datetime import UTC, datetime\nat = datetime(2026, 3, 1, tzinfo=UTC)"),
    ("other-clocks", "services/travel/handlers.py", "def f(uow):\n    return uow.clock.now(), uow.clock.today()"),
    ("other-clocks", "services/travel/clients.py", "import time\nf = lambda: time.monotonic()"),
    ("work-at-import", "services/travel/__main__.py", "if __name__ == '__main__':\n    serve(create_app, Settings)"),
    ("work-at-import", "services/travel/app.py", "def create_app():\n    return FastAPI()"),
    ("swallowed-errors", "services/travel/clients.py", "try: f()\nexcept KeyError: pass"),
    ("swallowed-errors", "shared/messaging/relay.py", "try: f()\nexcept Exception as e:\n    log.error(e)"),
    (
        "secrets-compared",
        "shared/auth/tokens.py",
        "ok = lambda a, token: compare_digest(a, token) and token is not None",
    ),
    ("prints", "services/travel/__main__.py", "print('x')"),
    ("impure-domain", "services/travel/domain/case.py", "import enum\nfrom services.travel.domain import rules"),
    (
        "across-offices",
        "services/travel/repository.py",
        "async def f(self):\n    async with self.across_offices(): ...",
    ),
    ("across-offices", "services/gateway/stream.py", "async def f(stream, reader):\n    stream.leave(reader)"),
    ("unlimited-reads", "services/gateway/suite.py", "async def f(d):\n    async with d.transaction(): ..."),
    ("environment", "services/travel/settings.py", "import os\nurl = lambda: os.environ['URL']"),
    ("environment", "services/cli/connection.py", "import os\nname = lambda: os.environ['NAME']"),
    ("sizes", "shared/service.py", "def f():\n" + "    x = 1\n" * (LONGEST_FUNCTION - 1)),
    ("machine-paths", "docs/architecture.md", "https://example.org/home/people and ~/root/x"),
)

#: Contract, module, what is imported there against it; "" where the module itself has no place.
IMPORTS = (
    ("Services know nothing of one another", "services.travel.handlers", "services.screening.repository"),
    ("Services know nothing of one another", "services.monitoring.api", "services.embedded"),
    ("Services know nothing of one another", "services.gateway.clients", "services.travel.domain"),
    ("Services know nothing of one another", "services.statistics", ""),
    ("Shared knows no service", "shared.ids", "services.travel.settings"),
    ("A service's layers point downwards", "services.screening.repository", "services.screening.usecases"),
    ("A service's layers point downwards", "services.travel.handlers", "services.travel.api"),
    ("A service's layers point downwards", "services.reintegration.outgoing", "services.reintegration.settings"),
    ("A service's layers point downwards", "services.monitoring.helpers", ""),
    ("The gateway's layers point downwards", "services.gateway.stages", "services.gateway.repository"),
    ("The simulator goes through the gateway's HTTP API", "services.simulator.people", "shared.messaging.bus"),
    ("Contracts and the clock stand alone in shared", "shared.contracts.envelope", "shared.messaging.codec"),
)


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED)
def test_a_planted_violation_is_found(rule: str, path: str, text: str) -> None:
    assert _violations(rule, path, text)


@pytest.mark.parametrize(("rule", "path", "text"), HARMLESS)
def test_what_only_looks_like_a_violation_is_left_alone(rule: str, path: str, text: str) -> None:
    assert _violations(rule, path, text) == []


def test_every_rule_was_seen_red() -> None:
    assert {rule.name for rule in RULES} == {rule for rule, _, _ in PLANTED}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of a copy of the tree in which every forbidden import was planted."""
    copy = tmp_path_factory.mktemp("tree")
    for package in ("services", "shared"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for _, module, imported in IMPORTS:
        with _file(copy, module).open("a") as planted:
            planted.write(f"\nimport {imported}\n" if imported else "")
    return lint_imports(copy).stdout


@pytest.mark.parametrize(("contract", "module", "imported"), IMPORTS)
def test_a_planted_import_breaks_its_contract(told: str, contract: str, module: str, imported: str) -> None:
    assert f"{contract} BROKEN" in told
    section = told.partition(f"\n{contract}\n-")[2].partition("\n---")[0]
    assert (f"{module} -> {imported} (l." if imported else f"- {module}\n") in section


def _file(root: Path, module: str) -> Path:
    path = root.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _violations(name: str, path: str, text: str) -> list[str]:
    (rule,) = (rule for rule in RULES if rule.name == name)
    return rule.violations(Source(path, text))
