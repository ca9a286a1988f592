"""A database in a file is refused where its locks would not hold."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.errors import NetworkFile
from pipeline.mounts import file_system, refuse_network
from pipeline.study import studies
from pipeline.tracking.connection import connect
from tests.cluster.servers import _rclone

MOUNTS = r"""
/dev/vda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
tmpfs /dev/shm tmpfs rw 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/vdb1 /home/ann/fast xfs rw 0 0
//nas/team /mnt/our\040team cifs rw 0 0
ann@host: /mnt/remote fuse.sshfs rw 0 0
portal /mnt/portal fuse.portal rw 0 0
/dev/vdc1 /mnt/hidden ext4 rw 0 0
server:/hidden /mnt/hidden nfs rw 0 0
C:\ /mnt/c 9p rw 0 0
""".lstrip()


@pytest.mark.parametrize(
    ("path", "kind", "refused"),
    [
        ("/srv/project/state", "ext4", False),
        ("/home/ann/project/state", "nfs4", True),
        ("/home/ann/fast/project/state", "xfs", False),
        ("/home/ann/faster/state", "nfs4", True),
        ("/mnt/our team/state", "cifs", True),
        ("/mnt/our teams/state", "ext4", False),
        ("/mnt/remote", "fuse.sshfs", True),
        ("/mnt/portal/state", "fuse.portal", False),
        ("/mnt/hidden/state", "nfs", True),
        ("/mnt/c/project", "9p", True),
        ("/dev/shm/x", "tmpfs", False),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_longest_mount_point(
    tmp_path: Path, path: str, kind: str, refused: bool
) -> None:
    assert file_system(Path(path), MOUNTS)[0] == kind
    (tmp_path / "mounts").write_text(MOUNTS)
    if refused:
        with pytest.raises(NetworkFile, match=f"{kind}.*use PostgreSQL") as caught:
            refuse_network(Path(path) / "studies.db", "the study", tmp_path / "mounts")
        assert caught.value.exit_code == 2
    else:
        refuse_network(Path(path) / "studies.db", "the study", tmp_path / "mounts")


def test_a_folder_of_this_machine_is_known_by_its_own_list(tmp_path: Path) -> None:
    assert file_system(tmp_path, Path("/proc/self/mounts").read_text())[1] in map(str, (tmp_path, *tmp_path.parents))
    refuse_network(tmp_path / "studies.db", "the study")


@pytest.mark.cluster
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("fusermount3"), reason="no fusermount3: apt-get install fuse3, as root")
def test_study_and_mlflow_are_refused_on_a_file_system_that_is_mounted_from_elsewhere(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    subprocess.run([str(_rclone()), "mount", "--daemon", str(there), str(here)], check=True)
    try:
        with pytest.raises(NetworkFile, match="the study"):
            studies.rows(f"sqlite:///{here / 'studies.db'}")
        with pytest.raises(NetworkFile, match="MLflow"):
            connect(f"sqlite:///{here / 'mlflow.db'}")
        assert list(there.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(here)], check=True)
