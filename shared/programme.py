"""The programme's policy, read from ``programme.toml``: what an office may decide is here, never in code."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.toml_lines import Key, line_of, lines_of

#: Names another file than the one beside the services.
VARIABLE = "HOMEWARD_PROGRAMME"

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166 alpha-2")]
Airport = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="IATA")]
OfficeCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]


class ProgrammeError(Exception):
    """The programme's file can't be used; the message names the file, the key and what is wrong with it."""


class Policy(BaseModel):
    """A part of the programme. An unknown key is an error: a misspelt window must not fall back to a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Office(Policy):
    """A place where the programme works."""

    name: str
    country: Country
    airports: tuple[Airport, ...] = Field(min_length=1)


class Corridor(Policy):
    """People go from one office's country to another's."""

    from_office: OfficeCode
    to_office: OfficeCode


class DocumentWindows(Policy):
    """How many days a travel document is valid, by the authority that issues it."""

    default_days: int = Field(gt=0)
    days_by_authority: dict[str, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)


class Windows(Policy):
    """How long what was obtained remains valid."""

    fitness_hours: int = Field(gt=0)
    exit_visa_days: int = Field(gt=0)
    documents: DocumentWindows

    def document_days(self, authority: str) -> int:
        """How many days a travel document of the authority is valid."""
        return self.documents.days_by_authority.get(authority, self.documents.default_days)


class Travel(Policy):
    """How people are seated."""

    infants_on_lap: bool = True
    seats_per_escort: int = Field(default=1, ge=1)
    #: Authorities that issue only once the flight is known.
    documents_after_booking: frozenset[str] = frozenset()


class Reintegration(Policy):
    """What a person may receive; the ceiling is in the currency's minor unit."""

    ceiling: int = Field(gt=0)
    currency: str = Field(pattern=r"^[A-Z]{3}$")


class FollowUp(Policy):
    """One visit, counted from the inception of reintegration."""

    code: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    after_months: int = Field(gt=0)
    method: Literal["phone", "site"]


class Monitoring(Policy):
    """When people are followed up, and when that counts as missed."""

    follow_ups: tuple[FollowUp, ...] = Field(min_length=1)
    overdue_after_days: int = Field(ge=0)
    attempts_before_lost: int = Field(ge=1)

    @model_validator(mode="after")
    def _codes_are_unique(self) -> Self:
        codes = [each.code for each in self.follow_ups]
        if len(codes) != len(set(codes)):
            raise ValueError("two follow-ups have the same code")
        return self


class Retention(Policy):
    """How long what is personal is kept after a case has ended; the table of what is due is shown that long before."""

    days_after_end: int = Field(gt=0)
    report_days: int = Field(ge=0)

    @property
    def after_end(self) -> timedelta:
        """How long after its end a case's person is erased."""
        return timedelta(days=self.days_after_end)

    @property
    def reported(self) -> timedelta:
        """How long before that it is reported."""
        return timedelta(days=self.report_days)


class Programme(Policy):
    """The whole policy."""

    name: str
    host_country: Country
    offices: dict[OfficeCode, Office] = Field(min_length=1)
    corridors: dict[str, Corridor]
    windows: Windows
    travel: Travel = Travel()
    reintegration: Reintegration
    monitoring: Monitoring
    retention: Retention

    @model_validator(mode="after")
    def _corridors_join_offices(self) -> Self:
        for code, corridor in self.corridors.items():
            for office in (corridor.from_office, corridor.to_office):
                if office not in self.offices:
                    raise ValueError(f"corridors.{code}: there is no office {office!r}")
            joined = f"{self.offices[corridor.from_office].country}-{self.offices[corridor.to_office].country}"
            if code != joined:
                raise ValueError(f"corridors.{code}: its offices are in {joined}, so it must be called {joined}")
        return self

    def offices_in(self, country: str) -> list[str]:
        """Codes of the offices in a country."""
        return [code for code, office in self.offices.items() if office.country == country]


def programme_file(path: Path | None = None) -> Path:
    """``path``, else the file that HOMEWARD_PROGRAMME names, else the one beside the services."""
    return path or Path(os.environ.get(VARIABLE) or Path(__file__).parents[1] / "programme.toml")


def load_programme(path: Path | None = None) -> Programme:
    """Read and check the programme's file. Raises ProgrammeError."""
    chosen = programme_file(path)
    return parse_programme(read_programme(chosen), chosen)


def read_programme(path: Path) -> bytes:
    """What the file holds. Raises ProgrammeError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProgrammeError(f"{path}: {error.strerror}; set {VARIABLE} to the programme's file") from error


def parse_programme(content: bytes, path: Path) -> Programme:
    """Check what the file held. Raises ProgrammeError: a line for each fault."""
    try:
        text = content.decode("utf-8")
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProgrammeError(f"{path}: not a TOML file: {error}") from error
    try:
        return Programme.model_validate(found)
    except ValidationError as error:
        lines = lines_of(text)
        raise ProgrammeError("\n".join(f"{path}:{told}" for told in _faults(error, lines))) from error


def _faults(error: ValidationError, lines: Mapping[Key, int]) -> Iterator[str]:
    for each in error.errors():
        key, message = ".".join(map(str, each["loc"])), each["msg"].removeprefix("Value error, ")
        told = ": ".join(filter(None, (key, message)))
        # What is wrong between tables is told by the whole, and names the table first.
        at = each["loc"] or tuple(message.partition(":")[0].split("."))
        yield f"{line_of(at, lines)}: {told}"
