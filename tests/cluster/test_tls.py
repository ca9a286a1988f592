"""Ray's own encryption: a search on a cluster whose processes speak TLS with each other, and with nobody who does not."""

from __future__ import annotations

import datetime
import ipaddress
import json
import shutil
from pathlib import Path

import grpc
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline.cluster import gcs
from pipeline.errors import ClusterUnreachable
from tests import searches
from tests.cluster.heads import head
from tests.repository import REPOSITORY

pytestmark = pytest.mark.cluster


def certified(folder: Path) -> dict[str, str]:
    """A certificate of 127.0.0.1 that vouches for itself, as Ray is told of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*plain))
    files = {"SERVER_CERT": "certificate.pem", "SERVER_KEY": "key.pem", "CA_CERT": "certificate.pem"}
    return {"RAY_USE_TLS": "1", **{f"RAY_TLS_{what}": str(folder / file) for what, file in files.items()}}


def test_a_search_runs_on_a_cluster_that_speaks_tls(
    tmp_path: Path, migrated_mlflow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = certified(tmp_path)
    root = searches.write_project(tmp_path / "project", migrated_mlflow, trials=2)
    shutil.copy(REPOSITORY / "dvc.yaml", root)
    with head(**variables) as cluster:
        written = json.loads((root / "params.yaml").read_text())
        there = {"address": cluster.address, "storage": str(tmp_path / "storage")}
        (root / "params.yaml").write_text(json.dumps(written | {"cluster": there}))

        process = searches.start(root, "search", **cluster.environment)
        assert process.wait(200) == 0, (root / "output.txt").read_text()
        assert "the search ended after 2 trials" in (root / "output.txt").read_text()

        (server,) = (one for one in psutil.Process(cluster.pid).children(recursive=True) if one.name() == "gcs_server")
        ports = {one.laddr.port for one in server.net_connections(kind="tcp") if one.status == "LISTEN"}
        address = f"127.0.0.1:{next(port for port in ports if _speaks_tls(port, variables))}"
        token = cluster.token_file.read_text()
        with pytest.raises(ClusterUnreachable):
            gcs.look(address, token, 3)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert not gcs.look(address, token, 10).open


def _speaks_tls(port: int, variables: dict[str, str]) -> bool:
    trusted = Path(variables["RAY_TLS_CA_CERT"]).read_bytes()
    own = Path(variables["RAY_TLS_SERVER_KEY"]).read_bytes(), trusted
    credentials = grpc.ssl_channel_credentials(trusted, *own)
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=5)
        except grpc.FutureTimeoutError:
            return False
    return True
