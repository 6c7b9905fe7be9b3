"""Everything that is installed is under a licence that goes with ours, and the page says under which."""

from tests.architecture.licences import ALLOWED, KEPT, PAGE, installed, licence, refused, text, with_the_suite


def test_every_licence_goes_with_ours() -> None:
    told = {name: licence(package) for name, package in installed().items()}
    assert len(told) > 100
    assert refused(told | dict(KEPT)) == []


def test_another_licence_and_none_at_all_are_refused() -> None:
    told = {"a": "GPL-3.0-only", "b": "MIT AND AGPL-3.0-or-later", "c": "none", "d": "", "e": "(MIT OR MPL-2.0)"}
    assert refused(told) == ["a: GPL-3.0-only", "b: MIT AND AGPL-3.0-or-later", "c: none", "d: "]


def test_the_page_of_licences_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == text(), "run: python -m tests.architecture.licences"


def test_what_comes_with_the_suite_is_told_apart_from_the_tools() -> None:
    suite = with_the_suite(installed())
    assert {"fastapi", "starlette", "greenlet", "argon2-cffi-bindings"} <= suite
    assert not suite & {"pytest", "ruff", "mypy", "homeward"}


def test_no_licence_is_allowed_that_nothing_is_under() -> None:
    told = " ".join([*map(licence, installed().values()), *(under for _, under in KEPT)])
    assert sorted(each for each in ALLOWED if each not in told) == []
