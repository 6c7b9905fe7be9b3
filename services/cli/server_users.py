"""The services as users of PostgreSQL and RabbitMQ: each with a database of its own, and rights to its own events."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping

from shared.persistence.offices import ROLE

#: Whose events each service follows. The gateway and the partners' service publish none.
FOLLOWED = {
    "screening": ("travel", "monitoring"),
    "travel": ("screening",),
    "reintegration": ("screening", "travel"),
    "monitoring": ("reintegration", "screening"),
    "partners": ("screening", "travel", "reintegration", "monitoring"),
    "gateway": ("screening", "travel", "reintegration", "monitoring"),
}


def roles(passwords: Mapping[str, str]) -> str:
    """SQL that an empty PostgreSQL runs once, as its administrator."""
    lines = [f"CREATE ROLE {ROLE} NOLOGIN;"]
    for name, password in passwords.items():
        lines += [
            f"CREATE ROLE {name} LOGIN PASSWORD '{password}';",
            f"GRANT {ROLE} TO {name};",
            f"CREATE DATABASE {name} OWNER {name};",
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;",
        ]
    return "\n".join(lines) + "\n"


def definitions(passwords: Mapping[str, str]) -> str:
    """What RabbitMQ imports at its start. A queue and an exchange are both named after their service."""
    users = [
        {
            "name": name,
            "password_hash": _hash(password),
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": "",
        }
        for name, password in passwords.items()
    ]
    found = {"vhosts": [{"name": "/"}], "users": users, "permissions": [_permission(name) for name in passwords]}
    return json.dumps(found, indent=1)


def _permission(name: str) -> dict[str, str]:
    """To declare what it uses, to publish and bind as itself, to read its queue and bind it to whom it follows."""
    followed = rf"^homeward\.({'|'.join((name, *FOLLOWED[name]))})$"
    return {"user": name, "vhost": "/", "configure": followed, "write": rf"^homeward\.{name}$", "read": followed}


def _hash(password: str) -> str:
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
