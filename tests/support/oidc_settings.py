"""The settings of a service, for a suite whose operators come from the provider."""

import json

from tests.support.oidc_provider import AUDIENCE, CLIENT, SECRET, ProviderProcess


def settings_of(service: str, provider: ProviderProcess) -> dict[str, str]:
    """Variables of the environment, as an operator would set them."""
    prefix = f"HOMEWARD_{service.upper()}_"
    roles = {"HQ/Homeward Managers": "manager"}
    found = {
        f"{prefix}OIDC__ISSUER": provider.issuer,
        f"{prefix}OIDC__AUDIENCE": AUDIENCE,
        f"{prefix}OIDC__ROLES": json.dumps(roles),
    }
    if service == "gateway":
        client = {"id": CLIENT, "secret": SECRET, "console_url": provider.console}
        found[f"{prefix}OIDC_CLIENT"] = json.dumps(client)
    return found
