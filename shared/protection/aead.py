"""AES-256-GCM as everything here uses it: a new nonce each time, before the ciphertext and its tag."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["AESGCM", "InvalidTag", "decrypt", "encrypt"]

#: As NIST SP 800-38D recommends.
_NONCE_BYTES = 12


def encrypt(cipher: AESGCM, content: bytes, bound_to: bytes) -> bytes:
    """The content, which opens with the same key and the same ``bound_to`` alone."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, content, bound_to)


def decrypt(cipher: AESGCM, encrypted: bytes, bound_to: bytes) -> bytes:
    """The content. Raises InvalidTag, and ValueError for what is too short to be one."""
    return cipher.decrypt(encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], bound_to)
