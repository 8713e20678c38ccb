# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Option groups that several modules take, with the environment variables they fall back to.

In: nothing. Out: argument specs. ``doc_fragments/_<group>.py`` say the same to people.
Never here: an option that only one module has.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import env_fallback

Options = dict[str, dict[str, t.Any]]


def _env(*names: str) -> tuple[t.Any, list[str]]:
    return (env_fallback, list(names))


KUBERNETES: Options = {
    "kubeconfig": {"type": "raw", "fallback": _env("K8S_AUTH_KUBECONFIG")},
    "context": {"type": "str", "fallback": _env("K8S_AUTH_CONTEXT")},
    "host": {"type": "str", "fallback": _env("K8S_AUTH_HOST")},
    "api_key": {"type": "str", "no_log": True, "fallback": _env("K8S_AUTH_API_KEY")},
    "username": {"type": "str", "fallback": _env("K8S_AUTH_USERNAME")},
    "password": {"type": "str", "no_log": True, "fallback": _env("K8S_AUTH_PASSWORD")},
    "validate_certs": {"type": "bool", "aliases": ["verify_ssl"], "fallback": _env("K8S_AUTH_VERIFY_SSL")},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca_cert"], "fallback": _env("K8S_AUTH_SSL_CA_CERT")},
    "client_cert": {"type": "path", "aliases": ["cert_file"], "fallback": _env("K8S_AUTH_CERT_FILE")},
    "client_key": {"type": "path", "aliases": ["key_file"], "no_log": False, "fallback": _env("K8S_AUTH_KEY_FILE")},
    "proxy": {"type": "str", "fallback": _env("K8S_AUTH_PROXY")},
    "no_proxy": {"type": "str", "fallback": _env("K8S_AUTH_NO_PROXY")},
    "impersonate_user": {"type": "str", "fallback": _env("K8S_AUTH_IMPERSONATE_USER")},
    "impersonate_groups": {
        "type": "list",
        "elements": "str",
        "fallback": _env("K8S_AUTH_IMPERSONATE_GROUPS"),
    },
}

CLOUDFLARE: Options = {
    "cloudflare_api_token": {
        "type": "str",
        "no_log": True,
        "fallback": _env("CLOUDFLARE_API_TOKEN"),
    },
    "cloudflare_api_url": {
        "type": "str",
        "fallback": _env("CLOUDFLARE_API_URL"),
    },
    "cloudflare_account_id": {"type": "str", "fallback": _env("CLOUDFLARE_ACCOUNT_ID")},
    "cloudflare_validate_certs": {
        "type": "bool",
        "default": True,
        "fallback": _env("CLOUDFLARE_VALIDATE_CERTS"),
    },
    "cloudflare_ca_cert": {"type": "path", "fallback": _env("CLOUDFLARE_CA_CERT")},
    "cloudflare_timeout": {"type": "int", "default": 30, "fallback": _env("CLOUDFLARE_TIMEOUT")},
}

GITHUB: Options = {
    "github_token": {"type": "str", "no_log": True, "fallback": _env("GITHUB_TOKEN")},
    "github_app_id": {"type": "str", "fallback": _env("GITHUB_APP_ID")},
    "github_app_private_key": {"type": "str", "no_log": True, "fallback": _env("GITHUB_APP_PRIVATE_KEY")},
    "github_app_private_key_file": {
        "type": "path",
        "no_log": False,
        "fallback": _env("GITHUB_APP_PRIVATE_KEY_FILE"),
    },
    "github_installation_id": {"type": "str", "fallback": _env("GITHUB_INSTALLATION_ID")},
    "github_revoke_token": {
        "type": "bool",
        "default": False,
        "no_log": False,
        "fallback": _env("GITHUB_REVOKE_TOKEN"),
    },
    "github_api_url": {"type": "str", "fallback": _env("GITHUB_API_URL")},
    "github_validate_certs": {"type": "bool", "default": True, "fallback": _env("GITHUB_VALIDATE_CERTS")},
    "github_ca_cert": {"type": "path", "fallback": _env("GITHUB_CA_CERT")},
    "github_timeout": {"type": "int", "default": 30, "fallback": _env("GITHUB_TIMEOUT")},
}

UPSTREAM: Options = {
    "upstream_mirror": {"type": "path", "fallback": _env("APHEX_UPSTREAM_MIRROR")},
    "upstream_cache": {"type": "path", "default": "~/.cache/aphex-platform/upstream"},
    "upstream_ca_cert": {"type": "path", "fallback": _env("APHEX_UPSTREAM_CA_CERT")},
    "upstream_timeout": {"type": "int", "default": 60, "fallback": _env("APHEX_UPSTREAM_TIMEOUT")},
}

AUTHENTIK: Options = {
    "authentik_url": {"type": "str", "fallback": _env("AUTHENTIK_URL")},
    "authentik_token": {"type": "str", "no_log": True, "fallback": _env("AUTHENTIK_TOKEN")},
    "authentik_validate_certs": {
        "type": "bool",
        "default": True,
        "fallback": _env("AUTHENTIK_VALIDATE_CERTS"),
    },
    "authentik_ca_cert": {"type": "path", "fallback": _env("AUTHENTIK_CA_CERT")},
    "authentik_timeout": {"type": "int", "default": 30, "fallback": _env("AUTHENTIK_TIMEOUT")},
}

GIT: Options = {
    "git_username": {"type": "str", "default": "git", "fallback": _env("GIT_USERNAME")},
    "git_token": {"type": "str", "no_log": True, "fallback": _env("GIT_TOKEN")},
    "git_ssh_key_file": {"type": "path", "no_log": False, "fallback": _env("GIT_SSH_KEY_FILE")},
    "git_known_hosts_file": {"type": "path", "fallback": _env("GIT_KNOWN_HOSTS_FILE")},
    "git_ca_cert": {"type": "path", "fallback": _env("GIT_CA_CERT")},
    "git_timeout": {"type": "int", "default": 30, "fallback": _env("GIT_TIMEOUT")},
    "working_copy": {"type": "path"},
}

STATE: Options = {"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}}

WAIT: Options = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
}

# A tenant is many objects: it is waited for longer than one of them.
TENANT: Options = {
    **STATE,
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
    "adopt": {"type": "bool", "default": False},
    "write_to": {"type": "str", "choices": ["cluster", "git"], "default": "cluster"},
    "tree": {
        "type": "dict",
        "options": {
            "repository": {"type": "str", "required": True},
            "branch": {"type": "str", "default": "main"},
            "path": {"type": "str", "default": ""},
            "on_edited": {"type": "str", "choices": ["refuse", "keep", "overwrite"], "default": "refuse"},
        },
    },
}

# What a tenant with pipeline namespaces takes beside that.
TENANT_NAMESPACE: Options = {
    "quota": {
        "type": "dict",
        "options": {
            "requests_cpu": {"type": "str"},
            "limits_cpu": {"type": "str"},
            "requests_memory": {"type": "str"},
            "limits_memory": {"type": "str"},
            "persistent_volume_claims": {"type": "int"},
            "pods": {"type": "int"},
        },
    },
    "limits": {
        "type": "dict",
        "options": {
            "default_cpu": {"type": "str"},
            "default_memory": {"type": "str"},
            "default_request_cpu": {"type": "str"},
            "default_request_memory": {"type": "str"},
            "max_cpu": {"type": "str"},
            "max_memory": {"type": "str"},
        },
    },
    "deletion_policy": {"type": "str", "choices": ["Retain", "Delete"], "default": "Retain"},
    "confirm": {"type": "str"},
}
