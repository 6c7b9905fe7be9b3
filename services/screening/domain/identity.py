"""Who a person is, and by which keys the same person is found again."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from services.screening.domain import names
from services.screening.domain.vocabulary import AgeGroup, Likeness, Sex

#: Under this age a person is a child (Convention on the Rights of the Child, article 1).
ADULT_AGE = 18
#: IATA's passenger types.
_INFANT_BELOW, _CHILD_BELOW = 2, 12
_OLDEST = 120
#: Shorter "numbers" are remarks such as "n/a", which half a list may share.
_SHORTEST_DOCUMENT, _SHORTEST_PHONE = 5, 7


@dataclass(frozen=True)
class Identity:
    """A person's identity as it was told or read from papers. People with one name have no family name."""

    given_name: str
    family_name: str
    date_of_birth: date
    sex: Sex
    nationality: str
    phone: str | None = None
    document_numbers: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self != NOBODY

    def age(self, on: date) -> int:
        """Years completed on that day."""
        birthday_to_come = (on.month, on.day) < (self.date_of_birth.month, self.date_of_birth.day)
        return on.year - self.date_of_birth.year - birthday_to_come

    def is_child(self, on: date) -> bool:
        """Whether the person is under 18 on that day."""
        return self.age(on) < ADULT_AGE

    def age_group(self, on: date) -> AgeGroup:
        """What the airlines count the person as."""
        if self.age(on) < _INFANT_BELOW:
            return AgeGroup.INFANT
        return AgeGroup.CHILD if self.age(on) < _CHILD_BELOW else AgeGroup.ADULT

    def faults(self, today: date) -> list[str]:
        """What can't be right about it, as sentences."""
        found = []
        if not name_tokens(self.given_name):
            found.append("given_name is missing")
        if self.date_of_birth > today:
            found.append("date_of_birth is in the future")
        elif self.age(today) > _OLDEST:
            found.append(f"date_of_birth is more than {_OLDEST} years ago")
        return found

    def likeness_keys(self) -> dict[str, Likeness]:
        """Under which keys, and why, the same person is found again: hashes, which tell nothing by themselves."""
        return {_hash(likeness, *parts): likeness for likeness, parts in self._likenesses()}

    def fingerprint(self) -> str:
        """Equal for rows that say the same about who a person is."""
        return _hash("identity", " ".join(self._name), self.date_of_birth.isoformat(), self.sex, self.nationality)

    def search_keys(self) -> set[str]:
        """One key for each word of the name, however it is spelled."""
        return {search_key(sound) for sound in self._sounds}

    @property
    def _name(self) -> list[str]:
        return name_tokens(f"{self.given_name} {self.family_name}")

    @property
    def _sounds(self) -> list[str]:
        return sorted(names.words(f"{self.given_name} {self.family_name}"))

    def _likenesses(self) -> Iterator[tuple[Likeness, tuple[str, ...]]]:
        name, born = " ".join(self._sounds), self.date_of_birth.isoformat()
        yield Likeness.NAME_AND_BIRTH, (name, born)
        for number in map(_plain, self.document_numbers):
            if len(number) >= _SHORTEST_DOCUMENT:
                yield Likeness.NAME_AND_DOCUMENT, (name, number)
                # The same papers under another name; a birth date beside it, for families share papers.
                yield Likeness.DOCUMENT_AND_BIRTH, (self.nationality, number, born)
        if len(phone := _plain(self.phone or "")) >= _SHORTEST_PHONE:
            yield Likeness.NAME_AND_PHONE, (name, phone)


#: Who was erased: nobody can be told from anybody else.
NOBODY = Identity("", "", date.min, Sex.OTHER, "")


def name_tokens(name: str) -> list[str]:
    """A name's words without case, accents, punctuation and order: ``KHAN-Zai Ahmád`` is ``ahmad khan zai``."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return sorted(re.sub(r"[\W_]+", " ", bare).split())


def search_key(word: str) -> str:
    """The key under which a word of a name or a reference is found."""
    return _hash("search", word.strip().casefold())


def _plain(number: str) -> str:
    return re.sub(r"[\W_]+", "", number).casefold()


def _hash(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
