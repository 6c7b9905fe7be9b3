"""The settings of the gateway, for a suite whose operators come from the provider."""

import json

from tests.support.oidc_provider import AUDIENCE, CLIENT, SECRET, ProviderProcess


def settings_of(provider: ProviderProcess) -> dict[str, str]:
    """Variables of the environment, as an operator would set them: the gateway alone knows the provider."""
    prefix = "HOMEWARD_GATEWAY_"
    roles = {"HQ/Homeward Managers": "manager"}
    found = {
        f"{prefix}OIDC__ISSUER": provider.issuer,
        f"{prefix}OIDC__AUDIENCE": AUDIENCE,
        f"{prefix}OIDC__ROLES": json.dumps(roles),
    }
    client = {"id": CLIENT, "secret": SECRET, "console_url": provider.console}
    return found | {f"{prefix}OIDC_CLIENT": json.dumps(client)}
