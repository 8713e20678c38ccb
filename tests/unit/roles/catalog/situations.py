"""A situation for each task in which it succeeds: what lies in the workspace, what the tools do, what is asked.

In: a bench. Out: the params and workspaces of a run that ends well. Never here: an expectation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.unit.roles.catalog.task import Bench, git

MANIFEST = "kind: List\nitems: []\n"
STACKS = {f"cdktf.out/stacks/{name}/cdk.tf.json": "{}" for name in ("network", "web")}
CDKTF = """
case "$1" in
  synth) mkdir -p cdktf.out/stacks/web && echo {} >cdktf.out/stacks/web/cdk.tf.json ;;
  deploy)
    for word in "$@"; do
      case "$word" in --outputs-file=*) echo '{"web": {"url": "x"}}' >"${word#*=}" ;; esac
    done
    ;;
esac
"""
TERRAFORM = 'case "$*" in *"state list"*) echo aws_instance.web ;; esac'
AWS = 'case "$*" in *" ls "*|"s3 ls"*) printf "1 a\\n2 b\\n" ;; esac'
BUILDAH = 'for word in "$@"; do case "$word" in --digestfile=*) printf sha256:abc >"${word#*=}" ;; esac; done'
DIGEST = "sha256:abc"


@dataclass(frozen=True)
class Situation:
    """Everything that a run of a task is given."""

    params: dict[str, str]
    workspaces: dict[str, Path]


def git_clone(bench: Bench) -> Situation:
    work = bench.folder / "repository"
    work.mkdir(exist_ok=True)
    git("init", "--quiet", "--initial-branch=main", cwd=work)
    git("commit", "--quiet", "--allow-empty", "--message", "One", cwd=work)
    return Situation({"url": f"file://{work}", "revision": "main"}, {"output": bench.source})


def cdktf_synth(bench: Bench) -> Situation:
    bench.does |= {"cdktf": CDKTF, "terraform": TERRAFORM}
    return Situation({}, {"source": bench.write({"package-lock.json": "{}"})})


def cdktf_deploy(bench: Bench) -> Situation:
    bench.does |= {"cdktf": CDKTF, "terraform": TERRAFORM}
    return Situation({"tenantName": "acme", "autoApprove": "true"}, {"source": bench.write(STACKS)})


def upload_artifacts(bench: Bench) -> Situation:
    bench.does |= {"aws": AWS}
    source = bench.write({"out/a.json": "{}", "out/below/b.json": "{}"})
    keys = bench.write({"access-key-id": "id", "secret-access-key": "canary"}, "keys")
    params = {"artifactsDir": "out", "tenantName": "acme", "pipelineRunName": "push-1"}
    return Situation(params, {"source": source, "storage-credentials": keys})


def kubectl_apply(bench: Bench) -> Situation:
    return Situation(
        {"manifest-dir": "deploy", "namespace": "web"}, {"source": bench.write({"deploy/a.yaml": MANIFEST})}
    )


def helm_upgrade(bench: Bench) -> Situation:
    source = bench.write({"chart/Chart.yaml": "name: web\n", "values.yaml": "a: 1\n"})
    return Situation({"chart": "./chart", "release-name": "web", "values-file": "values.yaml"}, {"source": source})


def upgrade_tekton(bench: Bench) -> Situation:
    params = {
        "manifest": "release.yaml",
        "sha256": hashlib.sha256(MANIFEST.encode()).hexdigest(),
        "auto-approve": "true",
    }
    return Situation(params, {"source": bench.write({"release.yaml": MANIFEST})})


def buildah_build(bench: Bench) -> Situation:
    bench.does |= {"buildah": BUILDAH}
    source = bench.write({"Dockerfile": "FROM scratch\n"})
    return Situation({"IMAGE": "registry.example.com/web:1"}, {"source": source})


SITUATIONS: dict[str, Callable[[Bench], Situation]] = {
    "buildah-build": buildah_build,
    "cdktf-deploy": cdktf_deploy,
    "cdktf-synth": cdktf_synth,
    "git-clone": git_clone,
    "helm-upgrade": helm_upgrade,
    "kubectl-apply": kubectl_apply,
    "upgrade-tekton": upgrade_tekton,
    "upload-artifacts": upload_artifacts,
}
