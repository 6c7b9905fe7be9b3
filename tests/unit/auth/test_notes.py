"""What a browser keeps for us comes back as it was, in time and for what it was meant, or not at all."""

import pytest

from shared.auth.keys import generate_key
from shared.auth.notes import NoteBroken, Notes
from shared.auth.principal import Principal
from shared.auth.tokens import Signer

KEY = generate_key()
SEAL = Notes(KEY)


def test_a_note_comes_back_as_it_was() -> None:
    assert SEAL.open(SEAL.close({"to": "/cases"}, purpose="way", seconds=60), purpose="way") == {"to": "/cases"}


@pytest.mark.parametrize(
    "sealed",
    [
        SEAL.close({"to": "/"}, purpose="another", seconds=60),
        SEAL.close({"to": "/"}, purpose="way", seconds=0),
        Notes(generate_key()).close({"to": "/"}, purpose="way", seconds=60),
        Signer(KEY).issue(Principal("1", "amina")),
        "",
        "a.b.c",
        "WyJhbGciXQ.e30.AA",
    ],
    ids=["another purpose", "too old", "another key", "an access token", "nothing", "nonsense", "a list"],
)
def test_what_is_no_note_of_ours_for_this_is_refused(sealed: str) -> None:
    with pytest.raises(NoteBroken):
        SEAL.open(sealed, purpose="way")
