"""Certificates for servers on this machine, and the authority that a client must be told of to trust them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificates:
    authority: Path
    good: Path
    of_another_host: Path
    self_signed: Path


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(subject, key, issuer, issuer_key, *, names=(), authority=False):
    start = datetime.now(UTC) - timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _pem(key) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def make(folder: Path) -> Certificates:
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Sample authority", root_key, "Sample authority", root_key, authority=True)
    here = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
    (folder / "authority.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    for name, names, own in (("good", here, False), ("of_another_host", [x509.DNSName("elsewhere.example")], False), ("self_signed", here, True)):
        key = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(name, key, name, key, names=names) if own else _certificate(name, key, "Sample authority", root_key, names=names)
        (folder / f"{name}.pem").write_bytes(_pem(key) + made.public_bytes(serialization.Encoding.PEM))
    return Certificates(folder / "authority.pem", *(folder / f"{name}.pem" for name in ("good", "of_another_host", "self_signed")))
