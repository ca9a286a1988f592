"""deploy/slurm.sh in a network of its own: what asks Slurm is answered by stand-ins, Ray and the token are real."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.repository import REPOSITORY

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a network of its own")]
_ADDRESS = "10.98.76.54"
STAND_INS = {
    "srun": 'while [ "${1#--}" != "$1" ]; do shift; done\nexec "$@"',
    "scontrol": "echo one; echo two",
    "hostname": f"echo {_ADDRESS}",
    "ray": 'exec "$CONVOY_RAY" "$@"',
}
COUNTS = """
import ray, time
ray.init(log_to_driver=False, logging_level="ERROR")
while len([node for node in ray.nodes() if node["Alive"]]) < 2: time.sleep(0.2)
print("two nodes", flush=True)
"""


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """The environment of a Slurm job of two nodes, both of which are this machine."""
    for name, script in STAND_INS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {
        **kept,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "CONVOY_RAY": str(Path(sys.executable).parent / "ray"),
        "SLURM_JOB_ID": str(random.randrange(10_000, 10_000_000)),
        "SLURM_JOB_NODELIST": "one,two",
        "SLURM_CPUS_PER_TASK": "1",
    }


def _run(folder: Path, environment: dict[str, str], dvc: str) -> subprocess.Popen[str]:
    (folder / "dvc").write_text(f"#!{sys.executable}\n{dvc}")
    (folder / "dvc").chmod(0o755)
    network = f"ip link set lo up && ip address add {_ADDRESS}/32 dev lo && exec bash {REPOSITORY / 'deploy/slurm.sh'}"
    command = ["unshare", "--net", "sh", "-c", network]
    with (folder / "output").open("w") as output:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )


def test_dvc_runs_on_a_closed_cluster_of_all_nodes_which_goes_with_its_token(slurm: dict[str, str], tmp_path: Path) -> None:
    looks = "import os, stat, pathlib\nfile = pathlib.Path(os.environ['RAY_AUTH_TOKEN_PATH'])\n"
    modes = "print(oct(file.stat().st_mode & 0o777), oct(file.parent.stat().st_mode & 0o777), os.environ['RAY_AUTH_MODE'])\n"
    job = _run(tmp_path, slurm, looks + modes + COUNTS + "raise SystemExit(7)")

    assert job.wait(180) == 7, (tmp_path / "output").read_text()

    said = (tmp_path / "output").read_text()
    assert "two nodes" in said and "0o600 0o700 token" in said
    assert not list(tmp_path.glob(".convoy-slurm-*"))
    assert not _processes_of(slurm)


def test_before_its_time_is_over_the_search_is_told_to_put_its_trials_aside(slurm: dict[str, str], tmp_path: Path) -> None:
    waits = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: (print('put aside'), sys.exit(143)))\n"
    job = _run(tmp_path, slurm, waits + "print('searching', flush=True)\nwhile True: time.sleep(0.1)")
    deadline = time.monotonic() + 120
    while "searching" not in (tmp_path / "output").read_text():
        assert time.monotonic() < deadline and job.poll() is None, (tmp_path / "output").read_text()
        time.sleep(0.2)

    job.send_signal(signal.SIGTERM)

    assert job.wait(60) == 143
    assert "put aside" in (tmp_path / "output").read_text()
    assert not _processes_of(slurm)


def _processes_of(environment: dict[str, str]) -> list[str]:
    """What still runs of this Slurm job."""
    deadline, found = time.monotonic() + 20, ["?"]
    own = f"SLURM_JOB_ID={environment['SLURM_JOB_ID']}".encode()
    while found and time.monotonic() < deadline:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if own in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_bytes().decode(errors="replace")[:80])
            except OSError:
                continue
        time.sleep(0.3)
    return found
