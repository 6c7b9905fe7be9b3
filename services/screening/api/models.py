"""What requests and answers have in common."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from services.screening.domain.identity import Identity
from services.screening.domain.vocabulary import HouseholdRole, PlaceKind, Sex
from services.screening.usecases.listing import country_code
from services.screening.usecases.registration import Newcomer
from shared.web.bodies import Body


def _known_country(code: str) -> str:
    try:
        return country_code(code.casefold())
    except LookupError:
        raise ValueError("not a country code of ISO 3166") from None


#: A word or a line that has to say something.
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
#: A reason or a note of some length.
Note = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S")]
Country = Annotated[str, Field(min_length=2, max_length=3), AfterValidator(_known_country)]


class IdentityBody(Body):
    """A person's identity; who has one name has an empty family name."""

    given_name: Line
    family_name: Annotated[str, Field(max_length=500)] = ""
    date_of_birth: date
    sex: Sex
    nationality: Country
    phone: Annotated[str, Field(max_length=50)] | None = None
    document_numbers: Annotated[list[Line], Field(max_length=20)] = Field(default_factory=list)

    def identity(self) -> Identity:
        """As the domain knows it."""
        return Identity(**dict(self))


class RegisterCase(Body):
    """One person who comes alone."""

    office: Line
    identity: IdentityBody
    place: Line
    place_kind: PlaceKind
    list_reference: Line | None = None
    unaccompanied: bool = False

    def newcomer(self) -> Newcomer:
        """As the domain knows it."""
        return Newcomer(
            identity=self.identity.identity(),
            place=self.place,
            place_kind=self.place_kind,
            list_reference=self.list_reference,
            unaccompanied=self.unaccompanied,
        )


class Member(Body):
    """A person of a household."""

    identity: IdentityBody
    role: HouseholdRole
    list_reference: Line | None = None


class RegisterHousehold(Body):
    """People who travel together."""

    office: Line
    place: Line
    place_kind: PlaceKind
    members: Annotated[list[Member], Field(min_length=1, max_length=50)]

    def newcomers(self) -> list[Newcomer]:
        """As the domain knows them."""
        return [
            Newcomer(member.identity.identity(), self.place, self.place_kind, member.role, member.list_reference)
            for member in self.members
        ]


class Registered(BaseModel):
    """A case that was made."""

    case_id: UUID
    reference: str
    suspected_duplicates: list[UUID]


class CaseRegistered(Registered):
    """A case of a person who comes alone."""

    person_id: UUID
    household_id: UUID | None


class HouseholdRegistered(BaseModel):
    """A household and its members' cases, in the order in which they were given."""

    household_id: UUID
    cases: list[Registered]


class ListedCase(Registered):
    """A case of a list, made now or before."""

    row: int
    household_id: UUID | None


class RejectedRow(BaseModel):
    """A row that was not taken, and all that is wrong with it."""

    row: int
    reasons: list[str]


class Imported(BaseModel):
    """What became of a list."""

    rows: int
    registered: int
    unchanged: int
    rejected: list[RejectedRow]
    cases: list[ListedCase]
    ignored_columns: list[str]
