"""Passwords: their hashes, and which may be chosen. Length is what counts, not which signs they have (NIST 800-63B)."""

import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from shared.errors import Invalid

SHORTEST = 12
#: Longer ones would only make the hash work longer.
LONGEST = 128

#: OWASP's argon2id parameters for small memory: 19 MiB each, where the library's default takes 64 MiB.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
#: 128 bits.
_GENERATED_BYTES = 16
#: In a shorter name nearly every password would be found to hold it.
_SHORTEST_NAME = 3

#: The most common of twelve signs and more in published leaks, and what would be tried first here; shorter ones are
#: refused for their length.
_COMMON = """
    123456789012 1234567890123 12345678901234 123456789123 1234567891011 0123456789012 098765432109 987654321012
    111222333444 112233445566 121212121212 123123123123 147258369147 qwertyuiop12 qwertyuiop123 qwertyuiop1234
    qwertyuiopasdfgh qwertyuiopasdfghjkl qwertyuiopasdfghjklzxcvbnm 1qaz2wsx3edc 1qaz2wsx3edc4rfv qazwsxedcrfv
    1q2w3e4r5t6y 1q2w3e4r5t6y7u 1q2w3e4r5t6y7u8i q1w2e3r4t5y6 q1w2e3r4t5y6u7i8 qwerty123456 qwerty1234567 qwerty12345678
    asdfghjkl123 asdfghjkl1234 zxcvbnm12345 zxcvbnm123456 abcdefghijkl abcdefghijklmnop abcd1234efgh abc123abc123
    password1234 password12345 password123456 password2024 password2025 password2026 passw0rd1234 passwordpassword
    mypassword123 thisismypassword changeme1234 changemenow1 letmeinplease letmein12345 iloveyou1234 iloveyouforever
    welcome12345 welcome123456 administrator administrator1 adminadmin123 superadmin123 secretpassword
    correcthorsebatterystaple homeward1234 homeward2024 homeward2025 homeward2026 humanitarian
    voluntaryreturn returnprogramme reintegration
"""


class PasswordTooShort(Invalid):
    """A password has twelve signs or more: a few words that don't belong together are easy to keep in mind."""


class PasswordTooLong(Invalid):
    """A password has 128 signs at most."""


class PasswordHoldsName(Invalid):
    """A password does not contain the name of its account."""


class PasswordTooCommon(Invalid):
    """This password is among those that are tried first: take another."""


class PasswordWasGiven(Invalid):
    """The first password, and the one that is replaced, can't be chosen again."""


def check_choice(password: str, name: str) -> None:
    """Raise the rule that the choice breaks, if it breaks one."""
    plain = _normal(password)
    folded = plain.casefold()
    if len(plain) < SHORTEST:
        raise PasswordTooShort
    if len(plain) > LONGEST:
        raise PasswordTooLong
    if len(name) >= _SHORTEST_NAME and _normal(name).casefold() in folded:
        raise PasswordHoldsName
    if folded in _COMMON.split() or _repeats(folded):
        raise PasswordTooCommon


def generate() -> str:
    """A password that nobody can guess."""
    return secrets.token_urlsafe(_GENERATED_BYTES)


def hash_of(password: str) -> str:
    """What is kept of a password: argon2id, with a salt of its own."""
    return _HASHER.hash(_normal(password))


def matches(password_hash: str, password: str) -> bool:
    """Whether the hash is this password's."""
    try:
        return _HASHER.verify(password_hash, _normal(password))
    except (Argon2Error, InvalidHashError):
        return False


def _normal(text: str) -> str:
    # Two keyboards may write the same letter in two ways.
    return unicodedata.normalize("NFKC", text)


def _repeats(text: str) -> bool:
    """Whether it is one thing said again and again: a text is found in its double, shifted, when it repeats itself."""
    return (text * 2).find(text, 1) < len(text)
