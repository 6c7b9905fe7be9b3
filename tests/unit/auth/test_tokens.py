"""Tokens are accepted only as the gateway signed them."""

import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from shared.auth.keys import (
    generate_key,
    key_set,
    load_or_generate_key,
    public_pem,
    read_key_set,
    read_private_key,
    read_public_key,
)
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.auth.tokens import ALGORITHM, GATEWAY, ISSUER, Operators, Signer, Verifier
from shared.errors import Unauthenticated

AMINA = Principal("018f3f3c", "amina", frozenset({Role.CASEWORKER, Role.MANAGER}), frozenset({"tripoli"}))
KEY = generate_key()
VERIFIER = Verifier({ISSUER: Operators(read_public_key(public_pem(KEY)), GATEWAY)})


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {"iss": "homeward", "aud": "homeward/gateway", "sub": "1", "name": "n", "roles": ["admin"], "offices": []}
    return {name: value for name, value in {**made, "iat": now, "exp": now + 60, **changes}.items() if value != "-"}


def signed(key: Any = KEY, algorithm: str = ALGORITHM, **changes: Any) -> str:
    return jwt.encode({"alg": algorithm}, claims(**changes), key, algorithms=[algorithm])


def test_a_token_gives_back_its_principal() -> None:
    assert VERIFIER.verify(Signer(KEY).issue(AMINA)) == AMINA


def test_a_token_with_all_that_is_required_is_accepted() -> None:
    assert VERIFIER.verify(signed()).roles == {Role.ADMIN}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody"},
        {"aud": "elsewhere"},
        {"exp": 1},
        {"iat": int(time.time()) + 3600},
        {"roles": ["king"]},
        {"roles": "admin"},
        *({name: "-"} for name in ("iss", "aud", "exp", "iat", "sub", "roles", "offices", "name")),
    ],
    ids=" ".join,
)
def test_a_token_with_a_wrong_or_missing_claim_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(signed(**changes))


def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(signed(generate_key()))


def test_a_token_that_takes_the_public_key_for_a_shared_secret_is_refused() -> None:
    secret = OctKey.import_key(public_pem(KEY).encode().hex())
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(signed(secret, "HS256"))


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_a_token_that_names_another_algorithm_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(signed(OKPKey.generate_key("Ed448"), "EdDSA"))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "WyJhbGciXQ.e30.AA", "ImFsZyI.e30.AA"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(token)


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Any) -> None:
    path = tmp_path / "keys" / "token.key"
    first = load_or_generate_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_pem(load_or_generate_key(path)) == public_pem(first)
    assert [each.name for each in path.parent.iterdir()] == ["token.key"]


def test_a_private_key_is_no_public_key(tmp_path: Any) -> None:
    load_or_generate_key(tmp_path / "token.key")
    with pytest.raises(ValueError, match="public half"):
        read_public_key(str(tmp_path / "token.key"))


@pytest.mark.parametrize(
    "key", [OKPKey.generate_key("Ed448"), OKPKey.generate_key("X25519")], ids=lambda key: key.curve_name
)
def test_services_keys_are_of_one_kind(key: OKPKey) -> None:
    with pytest.raises(ValueError, match="public Ed25519 keys"):
        read_key_set(key_set({"travel": key}))


def test_services_keys_are_public(tmp_path: Any) -> None:
    (tmp_path / "keys.json").write_text(key_set({"travel": KEY, "screening": generate_key()}))
    assert public_pem(read_key_set(str(tmp_path / "keys.json"))["travel"]) == public_pem(KEY)
    private = {"keys": [{**KEY.as_dict(private=True), "kid": "travel"}]}
    with pytest.raises(ValueError, match="public Ed25519 keys"):
        read_key_set(json.dumps(private))
    with pytest.raises(ValueError, match="public key"):
        read_private_key(public_pem(KEY))


def test_who_has_every_office_sees_any_and_others_their_own() -> None:
    assert AMINA.sees("tripoli")
    assert not AMINA.sees("sebha")
    assert Principal("1", "n", frozenset(), frozenset({EVERY_OFFICE})).sees("sebha")
