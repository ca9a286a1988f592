"""What of the working tree a job gets: what git keeps or would keep, as it is now; no data, no state, no secrets."""

from __future__ import annotations

import fnmatch
import io
import subprocess
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.errors import TreeTooLarge

LIMIT_BYTES = 100 * 2**20  # code, spaces and settings; images go through cluster.storage
_STAY = {".dvc", ".git", ".venv", "data", "mlruns", "model", "reports", "results", "state", "venv"}  # at the top of the tree
# Kept in no archive that a cluster stores, in git or not; names of files and folders, whatever their case.
SECRET = (
    *(".env", ".env.*", "*.env", ".envrc", "secrets", ".secrets", "secrets.json", "secrets.toml", "secrets.yaml", "secrets.yml"),
    *("*.jks", "*.kdbx", "*.key", "*.p12", "*.pem", "*.pfx", "*.ppk", "id_dsa*", "id_ecdsa*", "id_ed25519*", "id_rsa*"),
    *(".aws", ".azure", ".docker", ".gnupg", ".kube", ".mlflow", ".ray", ".ssh", "auth_token", "*.token", "token"),
    *("credentials", "credentials.*", "*credentials.json", "*service?account*.json", "config.local", ".dockercfg"),
    *(".git-credentials", ".htpasswd", ".netrc", "_netrc", ".npmrc", ".pgpass", "pgpass*", ".pypirc", "kubeconfig*"),
)
_OF_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the same files make the same archive, which is then not sent again
_LARGEST = 3  # folders that a refusal names


@dataclass(frozen=True)
class WorkingTree:
    """Name in the archive → file here; and the names that were left out because they look secret."""

    files: Mapping[str, Path]
    secret: tuple[str, ...]

    def archive(self) -> bytes:
        """A zip whose bytes depend on names, contents and permission to execute alone; raises TreeTooLarge before it reads."""
        self._require_small()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, file in sorted(self.files.items()):
                entry = zipfile.ZipInfo(name, _OF_NO_TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = (0o755 if file.stat().st_mode & 0o100 else 0o644) << 16
                archive.writestr(entry, file.read_bytes())
        return buffer.getvalue()

    def _require_small(self) -> None:
        sizes = {name: file.stat().st_size for name, file in self.files.items()}
        if sum(sizes.values()) <= LIMIT_BYTES:
            return
        folders: Counter[str] = Counter()
        for name, size in sizes.items():
            folders["/".join(PurePosixPath(name).parts[:-1][:2]) or name] += size
        largest = ", ".join(f"{folder} {_megabytes(size)}" for folder, size in folders.most_common(_LARGEST))
        why = f"{_megabytes(sum(sizes.values()))}, more than {_megabytes(LIMIT_BYTES)}: {largest}"
        raise TreeTooLarge("the working tree", why=why, remedy="name in .gitignore what a job does not need")


def gather(root: Path, package: Path) -> WorkingTree:
    """The files of the project at `root`, and the code that runs here, where it does not lie in the project."""
    listed = {name: root / name for name in _kept_by_git(root)}
    if package.parent != root:
        listed |= {f"{package.name}/{name}": package / name for name in _code(package)}
    inside = {name: file for name, file in listed.items() if PurePosixPath(name).parts[0] not in _STAY and _readable(file, root)}
    secret = tuple(sorted(name for name in inside if looks_secret(name)))
    return WorkingTree({name: file for name, file in inside.items() if name not in secret}, secret)


def looks_secret(name: str) -> bool:
    """Whether a part of this path is called as files with passwords, keys or tokens are."""
    return any(fnmatch.fnmatchcase(part.lower(), pattern) for part in PurePosixPath(name).parts for pattern in SECRET)


def _kept_by_git(root: Path) -> list[str]:
    """Files that git tracks or would add; where there is no repository, by the same rules from the .gitignore files here."""
    inside = ["git", "-C", str(root), "rev-parse", "--is-inside-work-tree"]
    if not subprocess.run(inside, capture_output=True, check=False).returncode:
        return _listed(["git", "-C", str(root)], root)
    with tempfile.TemporaryDirectory(prefix="convoy-git-") as folder:
        subprocess.run(["git", "init", "--quiet", "--bare", folder], check=True, capture_output=True)
        return _listed(["git", f"--git-dir={folder}", f"--work-tree={root}", "-c", "core.bare=false"], root)


def _listed(git: list[str], root: Path) -> list[str]:
    command = [*git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout.decode().split("\0")
    return sorted({name for name in names if name})


def _code(package: Path) -> Iterator[str]:
    files = (file for file in package.rglob("*") if file.is_file() and file.suffix in (".py", ".sh"))
    return (file.relative_to(package).as_posix() for file in files)


def _readable(file: Path, root: Path) -> bool:
    """A file that is there; one behind a link only if it lies in the tree too and is not left out under its own name."""
    if not file.is_file():
        return False
    if not file.is_symlink():
        return True
    target = file.resolve()
    if not target.is_relative_to(root.resolve()):
        return False
    name = target.relative_to(root.resolve())
    return name.parts[0] not in _STAY and not looks_secret(name.as_posix())


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.0f} MB"
