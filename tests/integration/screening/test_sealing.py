"""What is personal is sealed: bound to its row, found by keyed indexes, and what was open before becomes so too."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import services.screening
from shared.auth.roles import Role
from shared.ids import new_id
from shared.persistence import migrations
from shared.persistence.database import Database, rows, run
from shared.protection.wrapping import KeySet, KeysUnusable, first_keys, write_keys
from shared.service import Service
from tests.integration.screening.holdings import everything, service_of
from tests.integration.screening.programme import HEADER, Programme, person, row

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: They occur nowhere else.
CANARY = {
    "given_name": "Quibuldan",
    "family_name": "Vexworthy",
    "phone": "+218 91 777 3141",
    "document_numbers": ["QX7731415"],
}


async def test_no_table_holds_a_name_a_number_or_a_reason(programme: Programme) -> None:
    registered = await programme.register(**CANARY, list_reference="LXQ-7731")
    case_id = registered["case_id"]
    await programme.imported("\n".join([HEADER, row("LXQ-7732", "Adeel")]))
    await programme.officer.does(
        f"/cases/{case_id}/declaration",
        {
            "place": "Zorbletown",
            "place_kind": "office",
            "language": "ur",
            "witness": "Witness Plumbago",
            "alternatives_explained": True,
            "data_consent": True,
        },
    )
    await programme.protection.does(f"/cases/{case_id}/holds", {"kind": "trafficking", "note": "threatened by Smergle"})
    other = (await programme.register(place="Snerkville"))["case_id"]
    await programme.officer.does(f"/cases/{other}/decline", {"reason": "outside the programme"})
    await programme.officer.does(f"/cases/{other}/erasure", {"ground": "requested", "reason": "afraid of Glimwick"})
    held = await everything(service_of(programme))
    for canary in (
        "Snerk",
        "Glimwick",
        "Quibuldan",
        "quibuldan",
        "Vexworthy",
        "7773141",
        "7731415",
        "LXQ",
        "Zorble",
        "Plumbago",
        "Smergle",
        "trafficking",
    ):
        assert canary not in held
        assert canary.encode().hex() not in held
    assert registered["reference"] in held


async def test_answers_that_were_kept_with_a_lists_number_are_kept_without(database_url: str) -> None:
    folder = Path(services.screening.__file__).parent / "migrations"
    database = Database(database_url)
    await migrations.upgrade(database, folder, "0006")
    kept: list[dict[str, Any]] = [
        {"reference": f"TRI-{at}", "list_reference": number, "suspected_duplicates": []} for at, number in _LISTED
    ]
    for at, answer in enumerate([kept[0], {"cases": kept}, {"case_id": "1"}]):
        async with database.transaction() as connection:
            await run(
                connection,
                """INSERT INTO idempotency (actor, key, fingerprint, answer)
                   VALUES ('officer', :key, CAST('' AS bytea), :answer)""",
                key=str(at),
                answer=json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode(),
            )
    await migrations.upgrade(database, folder)
    async with database.transaction() as connection:
        found = await rows(connection, "SELECT answer FROM idempotency ORDER BY key")
    await database.close()
    for each in kept:
        del each["list_reference"]
    assert [json.loads(each.answer) for each in found] == [kept[0], {"cases": kept}, {"case_id": "1"}]


#: As embassies write them.
_LISTED = [(1, "JNZ-005"), (2, None), (3, 'a "quoted", \\ one'), (4, "سفارة ١٢")]


async def test_a_sealed_part_opens_in_its_own_row_only(programme: Programme) -> None:
    first, second = await programme.register(), await programme.register()
    ids = [UUID(each["case_id"]) for each in (first, second)]
    before = await programme.officer.reads(f"/cases/{first['case_id']}")
    await _swap(service_of(programme), *ids)
    for each in ids:
        answer = await programme.officer.client.get(f"/cases/{each}")
        assert (answer.status_code, answer.json()["type"]) == (500, "/problems/seal-broken")
        assert before["identity"]["family_name"] not in answer.text
    await _swap(service_of(programme), *ids)
    assert await programme.officer.reads(f"/cases/{first['case_id']}") == before


async def _swap(service: Service, first: UUID, second: UUID) -> None:
    async with service.database.transaction() as connection:
        swapped = await run(
            connection,
            """UPDATE screening_case SET sealed = other.sealed, sealed_for = other.sealed_for
               FROM screening_case AS other WHERE screening_case.id IN (:first, :second)
                 AND other.id IN (:first, :second) AND other.id <> screening_case.id""",
            first=first,
            second=second,
        )
    assert swapped == 2


async def test_a_data_key_opens_for_its_own_person_only(programme: Programme) -> None:
    first, second = await programme.register(), await programme.register()
    persons = [UUID(each["person_id"]) for each in (first, second)]
    async with service_of(programme).database.transaction() as connection:
        await run(
            connection,
            """UPDATE data_key SET wrapped = other.wrapped FROM data_key AS other
               WHERE data_key.owner = :first AND other.owner = :second""",
            first=persons[0],
            second=persons[1],
        )
    vault = service_of(programme).vault
    assert vault is not None
    vault._ciphers.clear()
    assert (await programme.officer.client.get(f"/cases/{first['case_id']}")).status_code == 500
    assert (await programme.officer.client.get(f"/cases/{second['case_id']}")).status_code == 200
    async with service_of(programme).database.transaction() as connection:
        # Nor is anything sealed with it, which would outlive the person's erasure.
        with pytest.raises(KeysUnusable):
            await vault.ciphers(connection, persons[:1])


async def test_the_same_person_has_other_search_keys_in_another_suite(programme: Programme, postgres_url: str) -> None:
    async with Programme(postgres_url) as other:
        keys = [await _keys_of(each, **CANARY) for each in (programme, other)]
    assert keys[0]
    assert keys[0].isdisjoint(keys[1])


async def _keys_of(programme: Programme, **identity: Any) -> set[str]:
    case_id = (await programme.register(**identity))["case_id"]
    async with service_of(programme).database.transaction() as connection:
        found = await rows(connection, "SELECT key FROM person_key WHERE case_id = :id", id=UUID(case_id))
    return {row.key for row in found}


async def test_keys_are_rotated_while_people_are_registered_and_the_old_one_can_go(
    postgres_url: str, tmp_path: Path
) -> None:
    path, keys = tmp_path / "keys.json", first_keys("first")
    write_keys(path, keys)
    async with Programme(postgres_url, key_file=path, keys="") as programme:
        admin = programme.user(Role.ADMIN)
        cases = [await programme.register() for _ in range(5)]
        write_keys(path, keys.with_new("second"))
        shown = await admin.reads("/keys")
        assert (shown["current"], set(shown["wraps"])) == ("second", {"first"})
        left = 1
        while left:
            report = (await admin.client.post("/keys/wrap", params={"limit": 2})).json()
            left = report["left"]
            cases.append(await programme.register())
        assert set((await admin.reads("/keys"))["wraps"]) == {"second"}
        write_keys(path, KeySet.read(path.read_text(), "").without("first"))
        service_of(programme).vault._ciphers.clear()  # type: ignore[union-attr]
        for each in cases:
            assert (await programme.officer.reads(f"/cases/{each['case_id']}"))["identity"]["given_name"] == "Adeel"


async def test_what_was_stored_openly_is_sealed_when_the_service_starts(postgres_url: str, tmp_path: Path) -> None:
    stage = Programme(postgres_url)
    database = Database(service_of(stage).settings.database_url)
    folder = Path(services.screening.__file__).parent / "migrations"
    await migrations.upgrade(database, folder, "0002")
    case_id, state = new_id(), _as_it_was()
    async with database.transaction() as connection:
        await run(
            connection,
            """INSERT INTO screening_case (id, state, reference, office, status, person_id, open_suspicions)
               VALUES (:id, CAST(CAST(:state AS text) AS json), 'TRI-000007', 'tripoli', 'open', :person, 0)""",
            id=case_id,
            state=json.dumps({**state, "id": str(case_id)}),
            person=UUID(state["person_id"]),
        )
        await run(connection, "INSERT INTO person_key VALUES ('0123456789abcdef0123456789abcdef', :id)", id=case_id)
        await run(connection, "INSERT INTO list_entry VALUES ('tripoli', 'reference QQ-1', :id, 'abc')", id=case_id)
    await database.close()
    async with stage:
        held = await everything(service_of(stage))
        for open_before in ("Quibuldan", "7773141", "0123456789abcdef0123456789abcdef", "reference QQ-1"):
            assert open_before not in held
        assert (await stage.officer.reads(f"/cases/{case_id}"))["identity"]["family_name"] == "Vexworthy"
        assert (await stage.officer.reads("/search?q=quibuldan"))["case_ids"] == [str(case_id)]
        again = await stage.register(**CANARY)
        assert again["suspected_duplicates"] == [str(case_id)]


def _as_it_was() -> dict[str, Any]:
    identity = {**person(**CANARY)["identity"], "phone": "+218917773141"}
    return {
        "person_id": str(new_id()),
        "reference": "TRI-000007",
        "list_reference": "QQ-1",
        "office": "tripoli",
        "place": "Janzour",
        "place_kind": "urban",
        "identity": identity,
        "registered_at": "2026-03-01T08:00:00+00:00",
        "registered_by": "officer",
    }


async def test_a_service_with_other_keys_than_its_datas_does_not_start(postgres_url: str, database_url: str) -> None:
    async with Programme(postgres_url, database_url=database_url):
        pass
    other = Programme(postgres_url, database_url=database_url)
    with pytest.raises(Exception, match="was not wrapped with this key 1"):
        await service_of(other).start()
    await service_of(other).database.close()
