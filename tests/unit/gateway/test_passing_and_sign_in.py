"""Which paths are passed on, who has to wait to sign in, and the merged description."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from services.gateway.attempts import OF_A_NAME, OF_AN_ADDRESS, Attempts, TooManyAttempts
from services.gateway.description import merge
from services.gateway.passing import check_path
from shared.auth import ledger
from shared.auth.administration import Administration
from shared.auth.principal import Principal
from shared.auth.roles import Role
from shared.errors import Forbidden, NotFound


def who(*roles: Role) -> Principal:
    return Principal("1", "amina", frozenset(roles))


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("elsewhere", "cases"),
        ("screening", ""),
        ("screening", "/events"),
        ("screening", "cases/../events"),
        ("screening", "./events"),
        ("screening", "cases//1"),
        ("screening", "cases/"),
        ("travel", "clock"),
        ("travel", "rest"),
        ("travel", "readyz"),
        ("travel", "openapi.json"),
    ],
)
def test_what_is_not_for_operators_is_not_there(service: str, path: str) -> None:
    with pytest.raises(NotFound):
        check_path(service, path, "GET", who(*Role))


@pytest.mark.parametrize("path", ["events", "events/heads", "events/ranges", "dead-letters", "positions", "replay"])
def test_internal_routes_are_for_those_who_run_the_suite(path: str) -> None:
    with pytest.raises(Forbidden):
        check_path("travel", path, "GET", who(Role.MANAGER, Role.CASEWORKER))


def test_an_auditor_reads_dead_letters_and_an_admin_decides_about_them() -> None:
    check_path("travel", "dead-letters", "GET", who(Role.AUDITOR))
    check_path("travel", "dead-letters/skip", "POST", who(Role.ADMIN))
    with pytest.raises(Forbidden):
        check_path("travel", "dead-letters/skip", "POST", who(Role.AUDITOR))


def test_a_case_named_like_an_internal_route_is_passed_on() -> None:
    check_path("screening", "cases/events", "GET", who(Role.CASEWORKER))


class Watch:
    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def attempts(tmp_path: Path, watch: Watch) -> Attempts:
    return Attempts(Administration.of(tmp_path / "accounts.json"), watch)


def fail(attempts: Attempts, times: int, name: str = "amina", address: str = "192.0.2.7") -> None:
    for _ in range(times):
        attempts.begin(name, address)


def wait_of(attempts: Attempts, name: str = "amina", address: str = "192.0.2.7") -> int:
    with pytest.raises(TooManyAttempts) as refused:
        attempts.begin(name, address)
    return int(refused.value.detail_fields["retry_after"])


def test_after_five_failures_a_name_waits_and_others_do_not(attempts: Attempts) -> None:
    fail(attempts, OF_A_NAME.free)
    assert wait_of(attempts) == 11
    attempts.begin("another", "192.0.2.7")


def test_the_wait_ends_grows_and_has_a_limit(attempts: Attempts, watch: Watch) -> None:
    fail(attempts, OF_A_NAME.free)
    waits = []
    for _ in range(9):
        watch.seconds += wait_of(attempts)
        attempts.begin("amina", "192.0.2.7")
        waits.append(wait_of(attempts) - 1)
    assert waits == [20, 40, 80, 160, 320, 640, 900, 900, 900]


def test_a_wait_outlives_the_process_and_holds_for_every_replica(
    attempts: Attempts, watch: Watch, tmp_path: Path
) -> None:
    fail(attempts, OF_A_NAME.free)
    assert wait_of(Attempts(Administration.of(tmp_path / "accounts.json"), watch)) == 11


def test_a_success_forgets_the_failures_of_the_name(attempts: Attempts) -> None:
    fail(attempts, OF_A_NAME.free - 1)
    attempts.begin("amina", "192.0.2.7").succeeded()
    fail(attempts, OF_A_NAME.free)
    wait_of(attempts)


def test_an_attempt_that_is_right_so_far_forgives_no_failure(attempts: Attempts) -> None:
    fail(attempts, OF_A_NAME.free - 1)
    attempts.begin("amina", "192.0.2.7").undecided()
    fail(attempts, 1)
    wait_of(attempts)


def test_who_tries_many_names_waits_and_an_account_of_their_own_does_not_help(attempts: Attempts) -> None:
    for number in range(OF_AN_ADDRESS.free):
        attempts.begin(f"name {number}", "2001:db8::1")
        if number % 5 == 0:
            attempts.begin("their own", "2001:db8::1").succeeded()
    wait_of(attempts, "amina", "2001:db8::ffff")
    attempts.begin("amina", "2001:db8:0:1::1")


def test_an_administrator_lets_a_name_in_again(attempts: Attempts) -> None:
    attempts.administration.add("amina", [Role.CASEWORKER])
    fail(attempts, OF_A_NAME.free)
    attempts.administration.unlock("amina")
    attempts.begin("amina", "192.0.2.7")


def test_a_guesser_of_names_fills_no_disk_and_leaves_no_name_in_the_file(
    attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "REMEMBERED", 20)
    for number in range(30):
        attempts.begin(f"name {number}", f"192.0.2.{number}")
    file = attempts.administration.ledger.path
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM failure").fetchone() == (20,)
    assert b"name 2" not in file.read_bytes()


def test_two_services_with_components_of_one_name_do_not_clash() -> None:
    part = {
        "paths": {
            "/cases/{id}": {
                "get": {
                    "operationId": "show",
                    "tags": ["x"],
                    "responses": {"200": {"$ref": "#/components/schemas/Case"}},
                }
            },
            "/events": {"get": {}},
            "/healthz": {"get": {}},
        },
        "components": {"schemas": {"Case": {"properties": {"tags": {"$ref": "#/components/schemas/Tag"}}}, "Tag": {}}},
    }
    own = {"openapi": "3.1.0", "paths": {"/api/me": {"get": {}}, "/rest": {"get": {}}}}
    merged = merge(own, {"screening": part, "travel": part})
    assert list(merged["paths"]) == ["/api/me", "/api/screening/cases/{id}", "/api/travel/cases/{id}"]
    shown = merged["paths"]["/api/travel/cases/{id}"]["get"]
    assert (shown["operationId"], shown["tags"]) == ("travel_show", ["travel"])
    assert shown["responses"]["200"]["$ref"] == "#/components/schemas/travel_Case"
    schemas = merged["components"]["schemas"]
    assert set(schemas) == {"screening_Case", "screening_Tag", "travel_Case", "travel_Tag"}
    assert schemas["screening_Case"]["properties"]["tags"]["$ref"] == "#/components/schemas/screening_Tag"
