"""One-time codes, and how a second factor is kept."""

import base64
from pathlib import Path

import pytest

from shared.auth import totp
from shared.auth.second_factor import FactorSeal, FactorUnreadable, bare, new_secret, recovery_codes

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    """RFC 6238, appendix B; it lists eight digits, of which six are the last."""
    assert totp.code_at(SECRET, seconds // 30) == code[-6:]


@pytest.mark.parametrize(("drift", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_wrong_by_one_step(drift: int, accepted: bool) -> None:
    step = totp.step_of(SECRET, totp.code_at(SECRET, 1000 + drift), now=lambda: 1000 * 30.0 + 7)
    assert step == (1000 + drift if accepted else None)


def test_what_an_app_reads_names_the_account_and_everything_that_codes_depend_on() -> None:
    uri = totp.uri(SECRET, "amina@tripoli")
    assert uri.startswith("otpauth://totp/Homeward%3Aamina%40tripoli?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&")
    assert uri.endswith("issuer=Homeward&algorithm=SHA1&digits=6&period=30")


def test_a_sealed_secret_is_opened_for_its_account_alone(tmp_path: Path) -> None:
    vault, secret = FactorSeal.beside(tmp_path / "accounts.json"), new_secret()
    sealed = vault.seal("amina's id", secret)
    assert secret not in base64.b64decode(sealed)
    assert FactorSeal.beside(tmp_path / "accounts.json").open("amina's id", sealed) == secret
    with pytest.raises(FactorUnreadable):
        vault.open("bashir's id", sealed)
    with pytest.raises(FactorUnreadable):
        FactorSeal(bytes(32)).open("amina's id", sealed)


def test_recovery_codes_are_long_all_different_and_typed_as_people_type() -> None:
    codes = recovery_codes()
    assert len({bare(code) for code in codes}) == len(codes) == 10
    assert {len(bare(code)) for code in codes} == {16}
    assert bare(f" {codes[0].upper().replace('-', ' ')} ") == bare(codes[0])
