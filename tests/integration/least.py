"""Every module with the least that it wants.

In: nothing. Out: arguments by module. Never here: a connection, or an argument that a module could do without.
"""

from __future__ import annotations

from typing import Any

NOWHERE = "/nowhere/kubeconfig"
"""A kubeconfig that is not there: a module that names it has come as far as its connection."""

_PIPELINE = """\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: build}
spec:
  tasks:
    - name: build
      taskSpec: {steps: [{name: build, image: registry.example.org/build:1.0.0, script: make}]}
"""

_ENVIRONMENT = {"owner": "acme-corp", "repository": "web-shop"}

LEAST: dict[str, dict[str, Any]] = {
    "client_certificate": {"user": "break-glass", "kubeconfig_file": "/nowhere/break-glass"},
    "authentik_blueprint": {"name": "platform", "path": "mounted/platform/platform.yaml"},
    "authentik_oauth2_provider": {"name": "dex", "client_id": "dex"},
    "cluster_info": {},
    "cloudflare_dns_record": {"zone": "example.org", "record": "www", "type": "A", "content": "192.0.2.1"},
    "cloudflare_dns_record_info": {"zone": "example.org"},
    "cloudflare_tunnel": {"name": "shop"},
    "cloudflare_tunnel_info": {},
    "cloudflare_tunnel_ingress": {
        "tunnel_id": "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415",
        "rules": [{"hostname": "shop.example.org", "service": "http://web.shop:8080"}],
    },
    "flux_receiver": {"name": "apps", "resources": [{"name": "apps"}], "branches": ["main"]},
    "flux_receiver_info": {},
    "flux_webhook_lint": {"namespaces": ["flux-system"]},
    "flux_webhook_verify": {"name": "apps"},
    "git_tree": {"repository": "https://git.example.org/tree.git", "files": []},
    "git_tree_info": {"repository": "https://git.example.org/tree.git"},
    "github_app_webhook": {"url": "https://hooks.example.org/"},
    "github_deployment_protection_rule": {**_ENVIRONMENT, "environment": "production", "app": "gate"},
    "github_deployment_review": {**_ENVIRONMENT, "environment": "production", "run_id": 1, "state": "approved"},
    "github_environment": {**_ENVIRONMENT, "name": "production"},
    "github_environment_info": _ENVIRONMENT,
    "github_meta_info": {},
    "github_pending_deployment_info": _ENVIRONMENT,
    "github_webhook": {"owner": "acme-corp", "url": "https://hooks.example.org/"},
    "github_webhook_info": {"owner": "acme-corp"},
    "github_webhook_redeliver": {"owner": "acme-corp", "url": "https://hooks.example.org/"},
    "knowledge_base": {
        "name": "handbook",
        "display_name": "Handbook",
        "repositories": [{"url": "https://github.com/acme-corp/handbook"}],
    },
    "knowledge_base_info": {},
    "kubernetes_objects": {
        "definition": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}
    },
    "oidc_verify": {"issuer": "https://dex.example.org"},
    "kubernetes_objects_info": {"objects": [{"api_version": "v1", "kind": "Namespace"}]},
    "organization": {"name": "acme-corp", "display_name": "Acme", "admin_users": ["ann@acme.example"]},
    "organization_info": {},
    "platform_authority": {
        "folder": "/nowhere/platform",
        "secret": {"namespace": "cert-manager", "name": "aphex-ca"},
    },
    "platform_backup": {"folder": "/nowhere/backups", "vault_password": "correct horse battery"},
    "platform_restore": {"file": "/nowhere/backup", "vault_password": "correct horse battery"},
    "platform_secret": {"namespace": "auth-system", "name": "dex-secrets", "keys": [{"name": "client-secret"}]},
    "platform_sops": {"folder": "/nowhere/platform"},
    "protection_policy": {
        "content": {"policy.yml": "version: 1\nrules: []\n"},
        "config_map": {"namespace": "aphex-gate"},
    },
    "repo_binding": {
        "name": "web-shop",
        "aphex_org": "acme-corp",
        "repo_org": "acme-corp",
        "repo_name": "web-shop",
        "pipeline_spec": _PIPELINE,
    },
    "repo_binding_info": {},
    "upstream_manifest_info": {"parts": {}},
}
"""The good arguments of every module, without a connection."""
