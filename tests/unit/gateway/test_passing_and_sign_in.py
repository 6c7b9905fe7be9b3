"""Which paths are passed on, who has to wait to sign in, and the merged description."""

from collections.abc import Iterator

import pytest

from services.gateway.attempts import FREE, LONGEST_WAIT, REMEMBERED, Attempts, TooManyAttempts
from services.gateway.description import merge
from services.gateway.passing import check_path
from shared.auth.principal import Principal
from shared.auth.roles import Role
from shared.errors import Forbidden, NotFound


def who(*roles: Role) -> Principal:
    return Principal("1", "amina", frozenset(roles))


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("partners", "cases"),
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
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def failed(attempts: Attempts, times: int, name: str = "amina") -> Iterator[None]:
    for _ in range(times):
        attempts.failed(name)
        yield


def test_five_failures_are_free_of_a_wait_but_the_last() -> None:
    attempts = Attempts(Watch())
    for number, _ in enumerate(failed(attempts, FREE), start=1):
        if number < FREE:
            attempts.check("amina")
    with pytest.raises(TooManyAttempts) as refused:
        attempts.check("amina")
    assert refused.value.detail_fields["retry_after"] == 11
    attempts.check("another")


def test_the_wait_ends_grows_and_has_a_limit() -> None:
    watch = Watch()
    attempts = Attempts(watch)
    for _ in failed(attempts, FREE):
        pass
    watch.seconds += 10.1
    attempts.check("amina")
    attempts.failed("amina")
    watch.seconds += 10.1
    with pytest.raises(TooManyAttempts):
        attempts.check("amina")
    for _ in failed(attempts, 30):
        pass
    watch.seconds += LONGEST_WAIT + 1
    attempts.check("amina")


def test_a_success_forgets_the_failures() -> None:
    attempts = Attempts(Watch())
    for _ in failed(attempts, FREE - 1):
        pass
    attempts.succeeded("amina")
    attempts.failed("amina")
    attempts.check("amina")


def test_a_guesser_of_names_does_not_fill_the_memory() -> None:
    attempts = Attempts(Watch())
    for number in range(REMEMBERED + 10):
        attempts.failed(str(number))
    assert len(attempts._of) == REMEMBERED


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
