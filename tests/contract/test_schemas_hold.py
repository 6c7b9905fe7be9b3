"""Every service answers whatever is sent to it as its OpenAPI document says: schemathesis, with all checks."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from services.embedded import SERVICES, EmbeddedSuite
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.purposes import purposes_of
from shared.auth.roles import Role
from shared.auth.tokens import Signer
from tests.support.served_suite import Served, served
from tests.support.suite import OMAR, REGISTRATION, at_rest, sign_in

HERE = Path(__file__).parent
#: Generated requests for each operation beside those that cover its schema; set it, and every operation is tested.
EXAMPLES = os.environ.get("HOMEWARD_SCHEMATHESIS_EXAMPLES", "")
FEW = "4"
SEED = os.environ.get("HOMEWARD_SCHEMATHESIS_SEED", "1")
FLIGHT = {
    "carrier": "YL",
    "number": "6402",
    "origin": "MJI",
    "destination": "ISB",
    "departs_at": "2026-02-01T09:00:00Z",
    "capacity": 150,
    "kind": "charter",
    "office": "tripoli",
    "country_of_origin": "PK",
}
FUND = {
    "code": "HW-1",
    "donor": "A donor",
    "currency": "EUR",
    "amount": 100_000_00,
    "starts_on": "2026-01-01",
    "ends_on": "2026-12-31",
}


def tokens(suite: EmbeddedSuite, service: str) -> list[tuple[str, str]]:
    """One for each role, with its purpose, and between them that of somebody who has every role."""
    signer = Signer(suite.accounts.key)

    def shown(name: str, *roles: Role) -> tuple[str, str]:
        person = Principal(name, name, frozenset(roles), frozenset({EVERY_OFFICE}))
        return signer.issue(person, audience=service), next(iter(purposes_of(roles)), "")

    all_roles, each = shown("everybody", *Role), [shown(role, role) for role in Role]
    return list(chain.from_iterable((token, all_roles) for token in each))


async def prepare(suite: EmbeddedSuite) -> dict[str, Any]:
    """People, a household, a flight and a fund, so that there is something to ask about."""
    caseworker, movements = await sign_in(suite, "caseworker"), await sign_in(suite, "movements")
    people = [REGISTRATION | {"identity": OMAR | {"family_name": f"Number {count}"}} for count in range(6)]
    cases = [(await caseworker.post("/api/screening/cases", person)).json()["case_id"] for person in people]
    family = [{"identity": OMAR, "role": "head"}, {"identity": OMAR | {"given_name": "Sana"}, "role": "spouse"}]
    body = {name: REGISTRATION[name] for name in ("office", "place", "place_kind")} | {"members": family}
    household = (await caseworker.post("/api/screening/households", body)).json()["household_id"]
    flight = (await movements.post("/api/travel/flights", FLIGHT)).json()["flight_id"]
    fund = (await (await sign_in(suite, "finance")).post("/api/reintegration/funds", FUND)).json()["fund_id"]
    await at_rest(await sign_in(suite, "admin"))
    ids = {"case_id": cases, "household_id": [household], "flight_id": [flight], "fund_id": [fund], "case": cases}
    return {
        "tokens": {service: tokens(suite, service) for service in SERVICES},
        "ids": ids | {"other_id": cases[::-1], "name": cases},
    }


@pytest.fixture(scope="module")
def stage(module_path: Path) -> Iterator[Served]:
    with served(module_path, prepare) as running:
        yield running


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_answers_as_it_says_whoever_asks(stage: Served, service: str, tmp_path: Path) -> None:
    told = schemathesis_run(stage, service, tmp_path)
    assert told.returncode == 0, told.stdout[-20_000:] + told.stderr[-5_000:]
    assert "Tested: 0" not in told.stdout and " passed" in told.stdout


def schemathesis_run(stage: Served, service: str, tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    """In a process of its own: as whoever tests an API from outside would do it."""
    prepared = stage.prepared | {"tokens": stage.prepared["tokens"][service]}
    (tmp_path / "stage.json").write_text(json.dumps(prepared))
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run"]
    command += [f"{stage.url(service)}/openapi.json", "--seed", SEED, "--max-examples", EXAMPLES or FEW]
    command += ["--continue-on-failure", "--warnings", "off", "--no-color", "--exclude-checks", unsaid(service)]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.contract.schemathesis_hooks",
        "HOMEWARD_STAGE": str(tmp_path / "stage.json"),
        "PYTHONPATH": str(HERE.parents[1]),
    }
    return subprocess.run(
        [*command, *left_out(service)], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )


def unsaid(service: str) -> str:
    """Checks of what no schema says."""
    # A country that there is, a currency in use, a key that is new: refused as 422 like what the schema refuses.
    names = ["positive_data_acceptance"]
    if service == "gateway":
        # It passes on any path below /api/SERVICE, and so knows what is there only when it has asked.
        names += ["unsupported_method", "allow_header_conformance"]
    return ",".join(names)


def left_out(service: str) -> list[str]:
    """Options that leave out what is tested elsewhere; with EXAMPLES only what never ends."""
    # A live stream goes on for a quarter of an hour.
    options = ["--exclude-path", "/api/stream"]
    if EXAMPLES:
        return options
    elsewhere = ["api/(screening|travel|reintegration|monitoring)"]
    if service != "monitoring":
        # The same routes of the same modules in every service.
        elsewhere += ["events", "positions", "rest", "health", "clock", "dead-letters", "lag", "unreadable", "replay"]
    return [*options, "--phases", "coverage,fuzzing", "--exclude-path-regex", f"^/({'|'.join(elsewhere)})(/|$)"]
