"""The words of agreements."""

from collections.abc import Mapping
from enum import StrEnum


class AgencyKind(StrEnum):
    """What an agency does for people who return. But for donors, it is also what people consent to as a recipient."""

    #: Issues travel documents to its nationals.
    EMBASSY = "embassy"
    #: Issues exit visas, and checks who leaves.
    EXIT_AUTHORITY = "exit_authority"
    #: Flies people.
    CARRIER = "carrier"
    #: Meets people where they land.
    RECEIVING_OFFICE = "receiving_office"
    #: Examines and treats.
    HEALTH_PARTNER = "health_partner"
    #: Delivers what plans of reintegration say.
    REINTEGRATION_PARTNER = "reintegration_partner"
    #: Protects refugees.
    UNHCR = "unhcr"
    #: Pays, and hears of figures alone.
    DONOR = "donor"


class LegalBasis(StrEnum):
    """Why a transfer is lawful. Whatever it is, nobody's data go without that person's consent to the recipient."""

    CONSENT = "consent"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_INTEREST = "public_interest"
    LEGAL_OBLIGATION = "legal_obligation"


class Scope(StrEnum):
    """Of whom an agency hears."""

    #: Those who return to the agency's country.
    OWN_NATIONALS = "own_nationals"
    #: Those who have a seat on a flight that it operates, and these flights.
    OWN_FLIGHTS = "own_flights"
    #: Those who were referred to it.
    OWN_REFERRALS = "own_referrals"
    #: Nobody: figures alone.
    FIGURES = "figures"


class Precision(StrEnum):
    """How exactly times and dates are told: two agencies with exact times could find each other's cases by them."""

    EXACT = "exact"
    DAY = "day"
    MONTH = "month"


class PersonField(StrEnum):
    """What of who a person is may be agreed upon."""

    GIVEN_NAME = "given_name"
    FAMILY_NAME = "family_name"
    DATE_OF_BIRTH = "date_of_birth"
    SEX = "sex"
    NATIONALITY = "nationality"
    PHONE = "phone"
    DOCUMENT_NUMBERS = "document_numbers"


class AgeGroup(StrEnum):
    """The age groups of registrations."""

    #: Twelve years or older.
    ADULT = "ADT"
    #: Two to eleven years.
    CHILD = "CHD"
    #: Under two years.
    INFANT = "INF"


class Measure(StrEnum):
    """What persons are counted by: each once, in the month in which it was reached first."""

    #: They asked to return.
    REGISTERED = "registered"
    #: Screening's gates were met.
    CLEARED = "cleared"
    #: They no longer wanted to return.
    WITHDRAWN = "withdrawn"
    #: A travel document was there.
    DOCUMENT = "documents_issued"
    DEPARTED = "departed"
    #: The receiving side has met them.
    ARRIVED = "arrived"
    #: A plan of reintegration was approved.
    PLANNED = "plans_approved"
    #: Everything in the plan was delivered.
    REINTEGRATED = "reintegrations_completed"
    #: A follow-up visit was made.
    FOLLOWED_UP = "followed_up"
    #: The case was closed, for whatever reason.
    CLOSED = "closed"


class Need(StrEnum):
    """What an agency may be asked to do for somebody: an agreed list, and nothing beside it."""

    EXIT_VISA = "exit_visa"
    MEDICAL_CARE = "medical_care"
    PSYCHOSOCIAL_SUPPORT = "psychosocial_support"
    LEGAL_ASSISTANCE = "legal_assistance"
    INTERNATIONAL_PROTECTION = "international_protection"
    FAMILY_TRACING = "family_tracing"
    SHELTER = "shelter"
    EDUCATION = "education"
    VOCATIONAL_TRAINING = "vocational_training"
    BUSINESS_SUPPORT = "business_support"
    JOB_PLACEMENT = "job_placement"


class Rejection(StrEnum):
    """Why an agency doesn't take somebody on."""

    NO_CAPACITY = "no_capacity"
    NOT_ELIGIBLE = "not_eligible"
    OUTSIDE_OUR_AREA = "outside_our_area"
    NOT_REACHED = "not_reached"
    PERSON_DECLINED = "person_declined"
    KNOWN_ALREADY = "known_already"


class Withdrawal(StrEnum):
    """Why a referral is taken back."""

    NO_LONGER_NEEDED = "no_longer_needed"
    MADE_IN_ERROR = "made_in_error"
    NOT_ANSWERED = "not_answered"
    #: The person no longer consents, was erased, or goes on under another case.
    CONSENT_OR_CASE_ENDED = "consent_or_case_ended"


class PaperKind(StrEnum):
    """Which paper somebody travels on."""

    LAISSEZ_PASSER = "laissez_passer"
    EMERGENCY_CERTIFICATE = "emergency_certificate"
    PASSPORT = "passport"


#: What each kind of agency may be asked for: an authority hears of no asylum, and a shop of no illness.
NEEDS: Mapping[AgencyKind, frozenset[Need]] = {
    AgencyKind.EXIT_AUTHORITY: frozenset({Need.EXIT_VISA}),
    AgencyKind.HEALTH_PARTNER: frozenset({Need.MEDICAL_CARE, Need.PSYCHOSOCIAL_SUPPORT}),
    AgencyKind.REINTEGRATION_PARTNER: frozenset(
        {
            *(Need.LEGAL_ASSISTANCE, Need.FAMILY_TRACING, Need.SHELTER, Need.EDUCATION),
            *(Need.VOCATIONAL_TRAINING, Need.BUSINESS_SUPPORT, Need.JOB_PLACEMENT),
        }
    ),
    AgencyKind.UNHCR: frozenset({Need.INTERNATIONAL_PROTECTION, Need.LEGAL_ASSISTANCE, Need.FAMILY_TRACING}),
}


class Means(StrEnum):
    """How an agency is told that it must destroy something, where what delivers to it doesn't reach it."""

    LETTER = "letter"
    TELEPHONE = "telephone"
    EMAIL = "email"
    IN_PERSON = "in_person"


class Verdict(StrEnum):
    """Whether a fact goes to an agency, or why it doesn't."""

    SENT = "sent"
    NOT_IN_FORCE = "agreement_not_in_force"
    TYPE_NOT_AGREED = "type_not_agreed"
    OTHER_COUNTRY = "country_not_agreed"
    NOT_OWN_NATIONAL = "not_own_national"
    NOT_OWN_FLIGHT = "not_own_flight"
    NOT_REFERRED = "not_referred"
    NO_CONSENT = "no_consent"
    GONE = "erased_or_merged"
    #: The agreement would have it told, and the subscription asks for less.
    NOT_SUBSCRIBED = "not_subscribed"


#: The person isn't of a country of which the agency may hear.
OTHER_COUNTRIES = (Verdict.NOT_OWN_NATIONAL, Verdict.OTHER_COUNTRY)
