"""The command line: what it offers, one line for what goes wrong, nothing on stdout but what was asked for."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from services.__main__ import app, line, main
from services.cli import connection
from services.cli.demo import first_monday
from services.cli.failure import Failure
from services.credentials import BadCredentials, Credentials
from shared.auth.keys import load_or_generate_key, public_pem, read_key_set

runner = CliRunner()
LIST = Path(__file__).parents[3] / "examples" / "tripoli-islamabad-133.csv"


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> dict[str, httpx.Response]:
    """Answers by method and path; every request goes to them."""
    answers: dict[str, httpx.Response] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        return answers[f"{request.method} {request.url.path}"]

    def client(url: str) -> httpx.Client:
        return httpx.Client(base_url=url, transport=httpx.MockTransport(answer))

    monkeypatch.setattr(connection, "open_client", client)
    monkeypatch.setenv("HOMEWARD_TOKEN", "token")
    return answers


def test_every_command_is_told_and_has_help() -> None:
    told = runner.invoke(app, ["--help"]).stdout
    for name in ("up", "serve", "demo", "import", "status", "events", "dead-letters", "audit", "migrate", "contracts"):
        assert name in told
        assert runner.invoke(app, [name, "--help"]).exit_code == 0


def test_a_failure_is_one_line_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["homeward", "import", "nowhere.csv"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == "homeward: nowhere.csv: No such file or directory"
    assert capsys.readouterr().out == ""


def test_a_gateway_that_is_not_there_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["homeward", "status", "--url", "http://127.0.0.1:9", "--token", "any"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert "no answer from http://127.0.0.1:9" in str(ended.value.code)
    assert "homeward up" in str(ended.value.code)


def test_each_service_has_a_key_of_its_own_that_only_the_owner_reads(tmp_path: Path) -> None:
    for _ in range(2):
        Credentials(tmp_path).identify(("screening", "travel"))
    files = sorted((tmp_path / "identities").iterdir())
    assert [(each.name, each.stat().st_mode & 0o777) for each in files] == [
        ("screening.key", 0o600),
        ("travel.key", 0o600),
    ]
    told = read_key_set(str(tmp_path / "service-keys.json"))
    assert [public_pem(key) for key in told.values()] == [public_pem(load_or_generate_key(each)) for each in files]


@pytest.mark.parametrize(
    "held",
    [
        '["manager"]',
        '{"manager": ["a", "b"]}',
        '{"manager": {"name": "a"}}',
        '{"a": {"roles": "manager", "password": "p"}}',
        "{",
        "7",
        "\xff",
    ],
)
def test_a_credentials_file_of_another_shape_is_named_with_what_it_should_hold(tmp_path: Path, held: str) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(held, encoding="latin-1")
    with pytest.raises(BadCredentials) as ended:
        Credentials(tmp_path)
    told = str(ended.value)
    assert told.startswith(f'{file} should hold {{"NAME": {{"roles":')
    assert "\n" not in told


def test_what_takes_too_long_is_not_said_to_be_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    monkeypatch.setattr(
        connection, "open_client", lambda url: httpx.Client(base_url=url, transport=httpx.MockTransport(answer))
    )
    result = runner.invoke(app, ["events", "replay", "travel", "--token", "any"])
    assert result.exit_code == 1
    assert "may still be under way" in str(result.exception)
    assert "homeward up" not in str(result.exception)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "serve nosuch",
            "'nosuch' is not one of 'screening', 'travel', 'reintegration', 'monitoring', 'partners', 'gateway'",
        ),
        ("reconcile nosuch", "'nosuch' is not one of"),
        ("up --port abc", "Invalid value for '--port'"),
        ("dead-letters show travel", "Missing argument 'source'"),
        ("nosuch", "No such command 'nosuch'"),
    ],
)
def test_words_that_mean_nothing_are_told_in_one_line(
    words: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["homeward", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    [only] = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert told in only
    assert "Value error" not in only
    assert only.endswith("--help`")


def test_of_a_group_of_errors_the_first_is_told() -> None:
    group = ExceptionGroup("several", [ExceptionGroup("more", [Failure("the reason")]), ValueError("another")])
    assert line(group) == "the reason"
    assert line(ValueError()) == "ValueError; set HOMEWARD_DEBUG=1 to see where it comes from"


def test_an_import_tells_its_counts_and_every_bad_row(gateway: dict[str, httpx.Response]) -> None:
    gateway["POST /api/screening/imports"] = httpx.Response(
        200,
        json={
            "rows": 3,
            "registered": 2,
            "unchanged": 0,
            "rejected": [{"row": 3, "reasons": ["sex is missing", "place is missing"]}],
            "cases": [{"suspected_duplicates": []}, {"suspected_duplicates": ["x"]}],
        },
    )
    result = runner.invoke(app, ["import", str(LIST)])
    assert result.stdout.splitlines() == [
        "3 rows: 2 registered, 0 unchanged, 1 rejected, 1 suspected duplicates",
        "row 3: sex is missing; place is missing",
    ]
    assert result.exit_code == 1


def test_status_shows_the_figures(gateway: dict[str, httpx.Response]) -> None:
    figures = {"stages": {"followed_up": 3, "closed": 12}, "corridors": {"LY-PK": 15}, "offices": {"tripoli": 15}}
    gateway["GET /api/figures"] = httpx.Response(200, json=figures)
    shown = runner.invoke(app, ["status"]).stdout
    assert "followed up" in shown
    assert "12" in shown
    assert "LY-PK" in shown


def test_a_suite_without_cases_says_so(gateway: dict[str, httpx.Response]) -> None:
    gateway["GET /api/figures"] = httpx.Response(200, json={"stages": {}, "corridors": {}, "offices": {}})
    assert runner.invoke(app, ["status"]).stdout == "no cases yet\n"


def test_a_problem_of_the_gateway_is_told_as_its_sentence(gateway: dict[str, httpx.Response]) -> None:
    gateway["GET /api/cases"] = httpx.Response(200, json={"cases": [], "next": None})
    gateway["GET /api/cases/TRI-9"] = httpx.Response(404, json={"title": "Not found", "detail": "No case TRI-9."})
    result = runner.invoke(app, ["status", "TRI-9"])
    assert str(result.exception) == "404: No case TRI-9."


def test_events_are_told_in_order_of_time(gateway: dict[str, httpx.Response]) -> None:
    for number, service in enumerate(("screening", "travel", "reintegration", "monitoring", "partners")):
        event = {
            "id": f"id-{number}",
            "time": f"2026-03-0{9 - number}T09:00:00.000000Z",
            "type": f"org.homeward.{service}.something.v1",
            "subject": f"case-{number}",
            "sequence": "1",
        }
        gateway[f"GET /api/{service}/events/last"] = httpx.Response(200, json={"position": 1})
        gateway[f"GET /api/{service}/events"] = httpx.Response(200, json={"events": [event], "next": 1})
    shown = runner.invoke(app, ["events", "tail", "-n", "3"]).stdout.splitlines()
    assert [each.split()[1] for each in shown] == [
        "reintegration.something.v1",
        "travel.something.v1",
        "screening.something.v1",
    ]


def test_contracts_are_checked_from_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services", "contracts", "check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "no reader broken" in done.stdout


def test_the_simulated_calendar_begins_on_a_monday_to_come() -> None:
    for day in (date(2026, 3, number) for number in range(1, 15)):
        begins = first_monday(day)
        assert begins.weekday() == 0
        assert 1 <= (begins.date() - day).days <= 7
