"""Key-encryption keys: they wrap the data keys, and are kept and backed up apart from the databases."""

import base64
import binascii
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from shared.protection.aead import AESGCM, InvalidTag, decrypt, encrypt

_KEY_BITS = 256


class KeysUnusable(Exception):
    """The key-encryption keys can't be read; the message says what to mend."""


class KeyMissing(Exception):
    """A data key was wrapped with a key-encryption key that is not at hand: give it back to the service."""

    #: Another process may have begun to use a key that this one is about to get.
    transient = True


class Wrapping(Protocol):
    """Wraps data keys and unwraps them: from a file or the environment, or by a key management service that never
    gives its keys away. ``bound_to`` is authenticated with the key: for another owner it does not unwrap.
    """

    @property
    def current(self) -> str:
        """The id of the key with which new data keys are wrapped."""

    async def wrap(self, data_key: bytes, bound_to: bytes) -> tuple[str, bytes]:
        """The id of the current key, and the data key wrapped with it."""

    async def unwrap(self, key_id: str, wrapped: bytes, bound_to: bytes) -> bytes:
        """The data key. Raises KeyMissing, or KeysUnusable: it was wrapped with another or for another owner."""


@dataclass(frozen=True)
class KeySet:
    """Keys by id, and which of them is the current one."""

    current: str
    keys: dict[str, bytes] = field(repr=False)

    @classmethod
    def read(cls, text: str, where: str) -> "KeySet":
        """From ``{"current": "2026-01", "keys": {"2026-01": "<32 bytes in base64>"}}``. Raises KeysUnusable."""
        try:
            content = json.loads(text)
            keys = {str(name): base64.b64decode(value, validate=True) for name, value in content["keys"].items()}
            found = cls(str(content["current"]), keys)
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
            raise KeysUnusable(
                f'{where} should hold {{"current": "ID", "keys": {{"ID": "32 bytes in base64"}}}} and does not'
            ) from None
        if found.current not in keys or any(len(key) * 8 != _KEY_BITS for key in keys.values()):
            raise KeysUnusable(f"{where}: every key has 32 bytes, and the current one is among them")
        return found

    def text(self) -> str:
        """As it is kept."""
        keys = {name: base64.b64encode(key).decode() for name, key in self.keys.items()}
        return json.dumps({"current": self.current, "keys": keys}, indent=1)

    def with_new(self, key_id: str) -> "KeySet":
        """With a new key, which is the current one."""
        if key_id in self.keys:
            raise KeysUnusable(f"there is a key {key_id} already: choose another id")
        return KeySet(key_id, {**self.keys, key_id: AESGCM.generate_key(_KEY_BITS)})

    def without(self, key_id: str) -> "KeySet":
        """Without a key that wraps nothing any more."""
        if key_id == self.current:
            raise KeysUnusable(f"{key_id} is the current key: rotate first")
        if key_id not in self.keys:
            raise KeysUnusable(f"there is no key {key_id}")
        return KeySet(self.current, {name: key for name, key in self.keys.items() if name != key_id})


class LocalWrapping:
    """With keys from a file, which is read again when another key is asked for or the file has changed, or from the
    environment. Raises KeysUnusable.
    """

    def __init__(self, *, path: Path | None = None, text: str = "") -> None:
        self._path, self._changed = path, 0
        self._set = self._read() if path else KeySet.read(text, "the setting KEYS")

    @property
    def current(self) -> str:
        self._refresh()
        return self._set.current

    async def wrap(self, data_key: bytes, bound_to: bytes) -> tuple[str, bytes]:
        key_id = self.current
        return key_id, encrypt(AESGCM(self._set.keys[key_id]), data_key, bound_to)

    async def unwrap(self, key_id: str, wrapped: bytes, bound_to: bytes) -> bytes:
        if key_id not in self._set.keys:
            self._refresh()
        if key_id not in self._set.keys:
            raise KeyMissing(f"the key-encryption key {key_id} is not there: give it to the service again")
        try:
            return decrypt(AESGCM(self._set.keys[key_id]), wrapped, bound_to)
        except InvalidTag:
            raise KeysUnusable(f"a data key was not wrapped with this key {key_id}, or not for this person") from None

    def _refresh(self) -> None:
        if self._path and _changed(self._path) != self._changed:
            self._set = self._read()

    def _read(self) -> KeySet:
        assert self._path is not None
        self._changed = _changed(self._path)
        return read_keys(self._path)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise KeysUnusable(f"{path}: {error.strerror}") from error


def read_keys(path: Path) -> KeySet:
    """The keys in a file. Raises KeysUnusable."""
    try:
        return KeySet.read(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise KeysUnusable(f"{path}: {error.strerror}") from error


def write_keys(path: Path, keys: KeySet) -> None:
    """Put the keys into the file, whole or not at all, for its owner's eyes only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(keys.text())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def first_keys(key_id: str = "1") -> KeySet:
    """A set with one new key."""
    return KeySet(key_id, {}).with_new(key_id)
