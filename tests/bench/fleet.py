"""Fifty repositories: kubectl, ours as one call, and ours as the playbook with fifty tenants and all that they need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench.measure import ratio, row, title
from tests.bench.scene import Scene
from tests.bench.specimens import PIPELINE, ZONE, make_ready, objects, playbook, write_json, write_objects

REPOSITORIES = 50
# Not the one that the specimens are bound to: an organization takes a limited number of repositories.
_ORGANIZATION = "fleet"
_RUNS = 2


def ask(scene: Scene) -> None:
    """Print the times of all contestants for fifty repositories, first run and second."""
    make_ready(scene.sandbox.api)
    title(f"{REPOSITORIES} repositories, {REPOSITORIES * len(objects('x'))} objects, made anew in each run")
    kubectl = row("kubectl apply --server-side", lambda n: _kubectl(scene, f"fk{n}"), _RUNS)
    ours = row("ours, one module call", lambda n: _ours(scene, f"fo{n}"), _RUNS)
    _install(scene)
    tenants = row(f"ours, the playbook with {REPOSITORIES} tenants", lambda n: _tenants(scene, f"ft{n}"), _RUNS)
    ratio(kubectl, ours)
    ratio(kubectl, tenants)
    title("The same again, unchanged")
    again = row("kubectl apply --server-side", lambda n: _kubectl(scene, f"fk{n}"), _RUNS)
    ours_again = row("ours, one module call", lambda n: _ours(scene, f"fo{n}"), _RUNS)
    tenants_again = row(f"ours, the playbook with {REPOSITORIES} tenants", lambda n: _tenants(scene, f"ft{n}"), _RUNS)
    ratio(again, ours_again)
    ratio(again, tenants_again)
    ratio(ours, ours_again)


def _names(prefix: str) -> list[str]:
    return [f"{prefix}-{number:02}" for number in range(REPOSITORIES)]


def _kubectl(scene: Scene, prefix: str) -> float:
    return scene.kubectl_apply(write_objects(scene.folder / f"{prefix}.yaml", _names(prefix)))


def _ours(scene: Scene, prefix: str) -> float:
    file = write_objects(scene.folder / f"{prefix}.yaml", _names(prefix))
    task = {"aphex.platform.kubernetes_objects": {"src": str(file)}}
    return scene.play(playbook(scene.folder / f"{prefix}.json", [task]))


def _install(scene: Scene) -> None:
    """Make the cluster ready for tenants, and an organization for them to be bound to."""
    variables = {"crds_zone": ZONE, "crds_account_id": "0" * 32, "crds_approved_owners": ["acme"]}
    settings = write_json(scene.folder / "settings.json", variables)
    scene.play("aphex.platform.prepare", "-i", "localhost,", "-c", "local", "-e", f"@{settings}")
    scene.sandbox.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"org-{_ORGANIZATION}"}})
    scene.sandbox.api.apply(
        {
            "apiVersion": "aphex.io/v1alpha1",
            "kind": "Organization",
            "metadata": {"name": _ORGANIZATION, "namespace": "platform-system"},
            "spec": {"displayName": "Bench", "adminUsers": ["admin@example.org"]},
        }
    )


def _tenants(scene: Scene, prefix: str) -> float:
    return scene.play("aphex.platform.onboard", "-i", _inventory(scene, prefix))


def _inventory(scene: Scene, prefix: str) -> Path:
    hosts: dict[str, Any] = {name: {"repo_binding_repo_name": name} for name in _names(prefix)}
    variables = {
        "repo_binding_aphex_org": _ORGANIZATION,
        "repo_binding_repo_org": "acme",
        "repo_binding_pipeline_spec": PIPELINE,
    }
    inventory = {"repositories": {"hosts": hosts, "vars": variables}}
    return write_json(scene.folder / f"{prefix}-inventory.json", inventory)
