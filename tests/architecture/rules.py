"""What import-linter can't see, each rule with its reason. A rule yields the line and what is wrong there."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.architecture.source import Source

Finding = tuple[int, str]
LONGEST_FUNCTION = 60
LONGEST_FILE = 400


@dataclass(frozen=True)
class Rule:
    """Where it holds, where it doesn't, and what it looks for."""

    name: str
    find: Callable[[Source], Iterator[Finding]]
    within: tuple[str, ...]
    beyond: tuple[str, ...] = ()

    def applies_to(self, path: str) -> bool:
        return _among(path, self.within) and not _among(path, self.beyond)

    def violations(self, source: Source) -> list[str]:
        if not self.applies_to(source.path):
            return []
        return [f"{source.path}:{line}: {what} ({self.name})" for line, what in self.find(source)]


def _among(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def commits(source: Source) -> Iterator[Finding]:
    """State and events are saved in one transaction, which the unit of work and the consumer alone end.

    A database's commit takes no argument; the commitment of a fund names an amount.
    """
    for call in source.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "commit" and not call.args:
            yield call.lineno, "a commit outside the unit of work"


_ALWAYS_NAIVE = {
    "datetime.datetime.utcnow",
    "datetime.datetime.utcfromtimestamp",
    "datetime.datetime.today",
    "datetime.date.today",
}
#: Positional arguments with which each has its time zone.
_AWARE_FROM = {"datetime.datetime.now": 1, "datetime.datetime.fromtimestamp": 2, "datetime.datetime": 8}


def naive_datetimes(source: Source) -> Iterator[Finding]:
    """A programme in two time zones can't tell which day a naive time means."""
    for call in source.calls:
        name = source.full_name(call.func)
        zoned = any(keyword.arg in ("tz", "tzinfo", None) for keyword in call.keywords)
        if name in _ALWAYS_NAIVE or (len(call.args) < _AWARE_FROM.get(name, 0) and not zoned):
            yield call.lineno, f"{name} without a time zone"


_OTHER_CLOCKS = _ALWAYS_NAIVE | {"datetime.datetime.now", "time.time", "time.time_ns"}


def other_clocks(source: Source) -> Iterator[Finding]:
    """A service that asks the computer for the time can't be taken through a simulated year."""
    for node in source.nodes:
        if isinstance(node, ast.Attribute | ast.Name) and source.full_name(node) in _OTHER_CLOCKS:
            yield node.lineno, f"{source.full_name(node)} instead of the programme's clock"


_WORK = re.compile(
    r"(^|\.)(create_(async_)?engine|create_app|get_tracer|get_meter|load_programme|"
    r"FastAPI|Service|Database|Telemetry|TracerProvider|MeterProvider|\w*Settings|RabbitBus|InProcessBus|"
    r"AsyncClient|Client|open|read_text|read_bytes|run|connect|load|getenv)$"
)


def work_at_import(source: Source) -> Iterator[Finding]:
    """What a module makes when it is imported is shared by the services of one process, and no test can replace it."""
    for node in source.at_import():
        name = source.full_name(node.func if isinstance(node, ast.Call) else node)
        if name == "os.environ" or (isinstance(node, ast.Call) and _WORK.search(name)):
            yield getattr(node, "lineno", 1), f"{name} when the module is imported"


_EVERYTHING = {"Exception", "BaseException"}


def swallowed_errors(source: Source) -> Iterator[Finding]:
    """An error that nobody sees is a person that nobody sees."""
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node.type) and all(map(_silent, node.body)):
            yield node.lineno, "every error is swallowed"
        elif isinstance(node, ast.Call) and _suppresses_everything(source, node):
            yield node.lineno, "every error is suppressed"


def _catches_everything(kind: ast.expr | None) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(each is None or (isinstance(each, ast.Name) and each.id in _EVERYTHING) for each in kinds)


def _suppresses_everything(source: Source, call: ast.Call) -> bool:
    return source.full_name(call.func) == "contextlib.suppress" and any(map(_catches_everything, call.args))


def _silent(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Continue() | ast.Expr(value=ast.Constant()):
            return True
        case _:
            return False


def prints(source: Source) -> Iterator[Finding]:
    """A service's words go to its log, with trace and case ids."""
    for call in source.calls:
        if source.full_name(call.func) in ("print", "pprint.pprint"):
            yield call.lineno, "print in a service"


def impure_domain(source: Source) -> Iterator[Finding]:
    """Rules outlive frameworks: the domain imports the standard library and itself."""
    own = ".".join(source.path.removesuffix(".py").split("/")[:3])
    for line, module in source.modules():
        if module.partition(".")[0] not in sys.stdlib_module_names and not f"{module}.".startswith(f"{own}."):
            yield line, f"the domain imports {module}"


def impure_fold(source: Source) -> Iterator[Finding]:
    """The operators' stage is a fold over events: the standard library, the contracts and the gateway's other folds."""
    pure = ("shared.contracts", *(f"services.gateway.{each}" for each in ("projection", "stages", "vocabulary")))
    for line, module in source.modules():
        known = module.partition(".")[0] in sys.stdlib_module_names
        if not known and not any(f"{module}.".startswith(f"{each}.") for each in pure):
            yield line, f"the fold imports {module}"


def environment(source: Source) -> Iterator[Finding]:
    """What a service can be told stands in one place, its settings."""
    for node in source.nodes:
        if isinstance(node, ast.Attribute | ast.Name):
            name = source.full_name(node)
            if name in ("os.environ", "os.environb", "os.getenv", "os.getenvb"):
                yield node.lineno, f"{name} outside the settings"


_SECRET = re.compile(r"(^|_)(token|secret|password|signature|mac|hmac|otp|cookie)$")


def secrets_compared(source: Source) -> Iterator[Finding]:
    """A comparison that ends at the first wrong letter tells how many were right: ``hmac.compare_digest`` doesn't."""
    for node in source.nodes:
        if isinstance(node, ast.Compare) and any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops):
            for side in (node.left, *node.comparators):
                name = side.attr if isinstance(side, ast.Attribute) else side.id if isinstance(side, ast.Name) else ""
                if _SECRET.search(name):
                    yield node.lineno, f"{name} is compared letter by letter"


def sizes(source: Source) -> Iterator[Finding]:
    """What doesn't fit on a screen or two isn't read."""
    lines = source.text.count("\n")
    if lines > LONGEST_FILE:
        yield LONGEST_FILE, f"{lines} lines in one file, {LONGEST_FILE} at most"
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield node.lineno, f"{node.name} has {length} lines, {LONGEST_FUNCTION} at most"


#: A path in a home directory or a workspace; not one below a host name or a variable.
_MACHINE_PATH = re.compile(r"(?<![\w.}~-])/(?:home|Users|root|work|workspace|builds)/[\w.-]+")


def machine_paths(source: Source) -> Iterator[Finding]:
    """A path of one machine is a bug on every other."""
    for number, line in enumerate(source.text.splitlines(), start=1):
        if found := _MACHINE_PATH.search(line):
            yield number, f"{found[0]} is a path of one machine"


def across_offices(source: Source) -> Iterator[Finding]:
    """Where a use case looks beyond the caller's offices, somebody has thought about what the caller then hears."""
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and node.attr in ("across_offices", "leave") and _of_offices(source, node):
            yield node.lineno, f"{node.attr}: looks across offices"


def _of_offices(source: Source, node: ast.Attribute) -> bool:
    return node.attr == "across_offices" or "sight" in source.full_name(node.value)


def unlimited_reads(source: Source) -> Iterator[Finding]:
    """A request's own transaction sees what its caller may see: ``reading``, ``command`` and ``seen_by`` make such."""
    for call in source.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("transaction", "statement", "retried"):
            yield call.lineno, f"{call.func.attr}: a transaction that sees every office's rows"


PRODUCT = ("services/*.py", "shared/*.py")
SERVICES = ("services/*/*.py",)
#: The command and what it starts on its own machine: programs around the services, not services.
AROUND = ("services/cli/*", "services/servers/*")
PROGRAMS = ("*/__main__.py", "services/simulator/*", *AROUND)

#: A person's cases for erasure and for the person, suspected duplicates, the merging of persons; who is on a flight;
#: what makes the block.
ACROSS_OFFICES = (
    "shared/web/subjects.py",
    # What agencies hear of is decided for every office's cases.
    "services/partners/repository.py",
    # From which number on an agency's own events are delivered again, and how many there are.
    "services/partners/health/replay.py",
    "services/screening/repository.py",
    "services/screening/usecases/correction.py",
    "services/screening/usecases/registration.py",
    "services/screening/usecases/households.py",
    "services/travel/repository.py",
    "shared/persistence/*",
)
GATEWAY = "services/gateway/*.py"
#: The account of all events, for who works for every office; the cursor of the live stream, which is filtered after.
UNLIMITED = (
    "services/gateway/suite.py",
    "services/gateway/stream.py",
    # In an emergency the case may be any office's; notices are written as their table's owner.
    "services/gateway/break_glass.py",
    "services/gateway/notices.py",
)

RULES = (
    Rule("commits", commits, PRODUCT, beyond=("shared/persistence/*", "shared/messaging/*")),
    Rule("naive-datetimes", naive_datetimes, ("*.py",)),
    Rule("other-clocks", other_clocks, SERVICES, beyond=AROUND),
    Rule("work-at-import", work_at_import, PRODUCT),
    Rule("swallowed-errors", swallowed_errors, PRODUCT),
    Rule("prints", prints, PRODUCT, beyond=PROGRAMS),
    Rule("impure-domain", impure_domain, ("services/*/domain.py", "services/*/domain/*.py")),
    Rule("impure-fold", impure_fold, tuple(f"services/gateway/{each}.py" for each in ("projection", "stages"))),
    Rule("across-offices", across_offices, PRODUCT, beyond=ACROSS_OFFICES),
    Rule("unlimited-reads", unlimited_reads, ("services/*/api.py", "services/*/api/*", GATEWAY), beyond=UNLIMITED),
    Rule("environment", environment, SERVICES, beyond=("*/settings.py", "*/__main__.py", *AROUND)),
    Rule("secrets-compared", secrets_compared, PRODUCT),
    Rule("sizes", sizes, PRODUCT),
    # Inside an image the paths are the image's own.
    Rule("machine-paths", machine_paths, ("*",), beyond=("deploy/*",)),
)
