"""Ed25519 key pairs that sign tokens: made once, kept in files that only their owner can read."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

_PEM_START = "-----BEGIN"


def generate_key() -> OKPKey:
    """A new private key."""
    return OKPKey.generate_key("Ed25519")


def load_or_generate_key(path: Path) -> OKPKey:
    """The private key in the file; made there (mode 0600) if there is none yet."""
    try:
        return OKPKey.import_key(path.read_bytes())
    except FileNotFoundError:
        _write_new(path, generate_key().as_pem(private=True))
        return OKPKey.import_key(path.read_bytes())


def load_or_generate_secret(path: Path) -> bytes:
    """The 256 random bits in the file, as hexadecimal digits; made there (mode 0600) if there are none yet."""
    if not path.exists():
        _write_new(path, secrets.token_hex(32).encode())
    return bytes.fromhex(path.read_text("ascii"))


def public_pem(key: OKPKey) -> str:
    """The public half, as services get it in their settings."""
    return key.as_pem(private=False).decode("ascii")


class KeyUnusable(ValueError):
    """Given as a key, and none of its kind. What was given is not told: it may be a secret in the wrong place."""


def read_public_key(value: str) -> OKPKey:
    """The public key from PEM text or from the file at that path. Raises KeyUnusable."""
    key = _key(value)
    if key.is_private:
        raise KeyUnusable("this is a private key: give services the public half only")
    return key


def read_private_key(value: str) -> OKPKey:
    """The private key from PEM text or from the file at that path. Raises KeyUnusable."""
    key = _key(value)
    if not key.is_private:
        raise KeyUnusable("this is a public key: a service signs with its private key")
    return key


def key_set(keys: Mapping[str, OKPKey]) -> str:
    """The public halves of the services' keys as a JWK set, each under its service's name."""
    return orjson.dumps({"keys": [{**key.as_dict(private=False), "kid": name} for name, key in keys.items()]}).decode()


def read_key_set(value: str) -> dict[str, OKPKey]:
    """By service: its public key, from a JWK set or from the file at that path. Raises KeyUnusable."""
    try:
        keys = [OKPKey.import_key(each) for each in orjson.loads(_text(value, "{"))["keys"]]
    except (OSError, ValueError, LookupError, TypeError, JoseError):
        raise KeyUnusable("this is neither a JWK set nor the path of one") from None
    if any(key.is_private or key.curve_name != "Ed25519" or not key.kid for key in keys):
        raise KeyUnusable("services' keys are public Ed25519 keys with their services' names as kid")
    return {str(key.kid): key for key in keys}


def _key(value: str) -> OKPKey:
    try:
        return OKPKey.import_key(_text(value, _PEM_START))
    except (OSError, ValueError, JoseError):
        raise KeyUnusable("this is neither an Ed25519 key as PEM nor the path of one") from None


def _text(value: str, start: str) -> str:
    return value if value.lstrip().startswith(start) else Path(value).read_text("ascii")


def _write_new(path: Path, content: bytes) -> None:
    """Write the whole file or nothing; who comes second keeps what the first wrote."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
