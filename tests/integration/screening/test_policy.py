"""The programme's file changes while the service runs."""

import hashlib
import shutil
from collections.abc import AsyncIterator, MutableMapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from shared import policy
from tests.integration.screening.programme import Programme, person
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
REPOSITORY_FILE = Path(__file__).parents[3] / "programme.toml"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copy(REPOSITORY_FILE, tmp_path_factory.mktemp("policy") / "programme.toml"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def programme(postgres_url: str, file: Path) -> AsyncIterator[Programme]:
    audit = {"audit_key": file.with_name("audit.key"), "audit_export": file.with_name("audit")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policy, "INTERVAL", 0.05)
        async with Programme(postgres_url, programme=file, **audit) as stage:
            yield stage


def open_office(file: Path, code: str, airports: str) -> None:
    """Write it into the file as who edits it does: at once."""
    draft = file.with_suffix(".new")
    office = f'[offices.{code}]\nname = "{code}"\ncountry = "LY"\nairports = {airports}\n'
    draft.write_text(f"{REPOSITORY_FILE.read_text()}\n{office}")
    draft.replace(file)


async def takes(programme: Programme, office: str) -> bool:
    """Whether people are registered there."""
    answer = await programme.officer.post("/cases", person(office=office))
    return answer.is_success


async def refused(told: list[MutableMapping[str, Any]]) -> list[str]:
    """Why the file was not taken over."""
    return [each["error"] for each in told if each["event"] == "programme not taken over"]


async def test_an_office_that_is_added_is_known_without_a_new_start(programme: Programme, file: Path) -> None:
    assert not await takes(programme, "misrata")
    open_office(file, "misrata", '["MRA"]')
    await eventually(lambda: takes(programme, "misrata"))


async def test_a_file_with_a_fault_changes_nothing_and_is_told_with_its_line(programme: Programme, file: Path) -> None:
    open_office(file, "misrata", '["MRA"]')
    await eventually(lambda: takes(programme, "misrata"))
    with capture_logs() as told:
        open_office(file, "sabha", "[]")
        await eventually(partial(refused, told))
        assert await takes(programme, "misrata")
        assert not await takes(programme, "sabha")
        open_office(file, "sabha", '["SEB"]')
        await eventually(lambda: takes(programme, "sabha"))
    [fault] = await refused(told)
    last = len(file.read_text().splitlines())
    assert fault.startswith(f"{file}:{last}: offices.sabha.airports: ")


async def test_the_audit_tells_which_programme_was_in_force_since_when(programme: Programme, file: Path) -> None:
    contents = []
    for office in ("zuwara", "ghat"):
        open_office(file, office, '["MJI"]')
        await eventually(partial(takes, programme, office))
        contents.append(file.read_bytes())
    digests = [hashlib.sha256(each).hexdigest() for each in contents]
    await eventually(partial(written_down, programme, digests[-1]))
    entries = await programme.entries(actor="programme")
    first, *_ = entries
    assert first["action"] == f"programme:{hashlib.sha256(REPOSITORY_FILE.read_bytes()).hexdigest()}"
    assert [each["action"] for each in entries[-2:]] == [f"programme:{each}" for each in digests]
    assert entries[-2]["at"] < entries[-1]["at"]
    kept = [file.with_name("audit") / f"programme-{each}.toml" for each in digests]
    assert [each.read_bytes() for each in kept] == contents


async def written_down(programme: Programme, digest: str) -> bool:
    """Whether the audit tells of that programme."""
    return any(each["action"].endswith(digest) for each in await programme.entries(actor="programme"))
