"""The page of settings tells of each, and of every variable that something else reads."""

import importlib
import re
from pathlib import Path

import pytest

from services.cli.settings_table import OTHERS, comments, text
from services.embedded import SERVICES
from services.gateway.settings import ProviderClient
from shared.settings import IdentityProvider, ServiceSettings

ROOT = Path(__file__).parents[2]
KINDS = [
    ServiceSettings,
    IdentityProvider,
    ProviderClient,
    *(importlib.import_module(f"services.{name}.settings").Settings for name in SERVICES),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_setting_has_a_comment_that_tells_what_it_means(kind: type[ServiceSettings]) -> None:
    own = kind.__annotations__.keys() & kind.model_fields.keys()
    assert sorted(own - comments(kind).keys()) == []


def test_a_secret_is_marked_as_one_with_its_unit_and_default_in_their_places() -> None:
    rows = text().splitlines()
    assert [each for each in rows if each.startswith("| `DATABASE_URL` | text |  | **Secret.** ")]
    assert [each for each in rows if each.startswith("| `LARGEST_BODY` | whole number, bytes | `1048576` | ")]


def test_every_variable_that_is_read_beside_the_services_settings_is_told() -> None:
    sources = "".join(each.read_text() for name in ("services", "shared") for each in (ROOT / name).rglob("*.py"))
    prefixes = tuple(f"HOMEWARD_{name.upper()}_" for name in SERVICES)
    named = {each for each in re.findall(r'"(HOMEWARD_[A-Z_]+)"', sources) if not each.startswith(prefixes)}
    assert named
    assert sorted(named - {name for name, *_ in OTHERS}) == []
