"""A broker as agencies use it: with its management API, and TLS under an authority that exists for the test alone."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.servers.rabbitmq import LocalRabbitMQ, installed_rabbitmq
from services.servers.server import SECRET, ServerUnavailable, free_ports

_PLUGINS = "[rabbitmq_management].\n"
#: Figures are told some times as often as they are by default.
_KEPT = "{sample_retention_policies, [{global, [{60, 1}]}, {basic, [{60, 1}]}, {detailed, [{60, 1}]}]}"
_SWIFT = f"""[{{rabbit, [{{quorum_tick_interval, 500}}]}},
{{rabbitmq_management, [{_KEPT}]}}, {{rabbitmq_management_agent, [{_KEPT}]}}].
"""


class AgencyBroker(LocalRabbitMQ):
    """RabbitMQ's programs on this machine. ``authority``: the file of the certificate that clients trust."""

    authority: Path

    def __init__(self) -> None:
        script = installed_rabbitmq()
        if script is None:
            raise ServerUnavailable("install RabbitMQ 3.10 or newer with its management plugin")
        self.tls_port, self.management_port = free_ports(2)
        super().__init__(script)

    @property
    def management_url(self) -> str:
        return f"http://homeward:{SECRET}@127.0.0.1:{self.management_port}"

    @property
    def public_url(self) -> str:
        """What agencies are told."""
        return f"amqps://localhost:{self.tls_port}"

    @property
    def log(self) -> Path:
        """What it has said."""
        return self._home.path / "output"

    def _configure(self) -> dict[str, str]:
        environment = super()._configure()
        home = self._home
        authority, certificate, key = certificates()
        self.authority = home.write("ca.pem", authority, mode=0o644)
        tls = {"cacertfile": self.authority}
        tls |= {"certfile": home.write("server.pem", certificate), "keyfile": home.write("server.key", key)}
        lines = [f"ssl_options.{name} = {path}" for name, path in tls.items()]
        lines += [f"listeners.ssl.local = 127.0.0.1:{self.tls_port}", "management.tcp.ip = 127.0.0.1"]
        lines += [f"management.tcp.port = {self.management_port}", "collect_statistics_interval = 500"]
        written = (home.path / "rabbitmq.conf").read_text()
        home.write("rabbitmq.conf", written + "\n".join([*lines, ""]))
        home.write("advanced.config", _SWIFT)
        home.write("enabled_plugins", _PLUGINS)
        return environment


def certificates() -> tuple[str, str, str]:
    """An authority's certificate, and localhost's under it with its key."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Homeward's tests")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    own = _builder(issuer, issuer, authority_key).add_extension(x509.BasicConstraints(True, 0), critical=True)
    theirs = _builder(subject, issuer, key).add_extension(names, critical=False)
    pem, secret = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return (
        own.sign(authority_key, hashes.SHA256()).public_bytes(pem).decode(),
        theirs.sign(authority_key, hashes.SHA256()).public_bytes(pem).decode(),
        key.private_bytes(pem, secret, serialization.NoEncryption()).decode(),
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )
