"""With deploy/k8s/components/recovery a service has the recovered database, and nothing else is changed."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.architecture.tree import ROOT, SERVICES
from tests.deploy.kubectl import kubectl
from tests.deploy.manifests import Resource, name_of, of_kind, rendered


def recovered(folder: Path, service: str) -> dict[str, Resource]:
    """By name what is applied, once the component has this service's name in place of travel's."""
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    for file in (folder / "deploy/k8s/components/recovery").iterdir():
        text = file.read_text().replace("travel", service).replace("TRAVEL", service.upper())
        file.write_text(text)
    overlay = folder / "deploy/k8s/overlays/recovery"
    done = subprocess.run([kubectl(), "kustomize", str(overlay)], capture_output=True, text=True, check=True)
    return {name_of(each): each for each in yaml.safe_load_all(done.stdout)}


@pytest.mark.parametrize("service", SERVICES)
def test_the_service_and_all_that_is_about_its_database_are_at_the_new_one(service: str, tmp_path: Path) -> None:
    old, new = f"{service}-db", f"{service}-db-2"
    before = {name_of(each): each for each in rendered("production")}
    after = recovered(tmp_path, service)
    # Budgets, policies and backups keep their names: it is whom they are about that changes.
    before[f"Cluster {new}"] = before.pop(f"Cluster {old}")
    assert after.keys() == before.keys()
    for name in after.keys() - {f"Cluster {new}"}:
        wanted = json.loads(re.sub(rf'{old}(?=["-])', new, json.dumps(before[name])))
        wanted["metadata"] = before[name]["metadata"]
        assert after[name] == wanted


def test_the_new_one_begins_with_the_backups_of_the_old_one_at_that_moment() -> None:
    [cluster] = [each for each in of_kind(rendered("recovery"), "Cluster") if each["metadata"]["name"] == "travel-db-2"]
    [before] = [each for each in of_kind(rendered("production"), "Cluster") if each["metadata"]["name"] == "travel-db"]
    made = before["spec"]["bootstrap"]["initdb"]
    recovery = cluster["spec"]["bootstrap"].pop("recovery")
    assert cluster["spec"].pop("bootstrap") == {}
    assert (recovery["database"], recovery["owner"]) == (made["database"], made["owner"])
    [origin] = [each for each in cluster["spec"].pop("externalClusters") if each["name"] == recovery["source"]]
    assert origin["plugin"]["parameters"] == {"barmanObjectName": "backups", "serverName": "travel-db"}
    # Sizes, replication and where it archives are the same; under which name it archives follows its own.
    assert cluster["spec"] == {name: value for name, value in before["spec"].items() if name != "bootstrap"}
