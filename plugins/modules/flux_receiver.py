#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flux_receiver
short_description: Make a Flux Receiver whose path is known beforehand
version_added: 0.1.0
description:
  - Makes a C(Receiver) of Flux's notification-controller and its token, and waits until Flux serves it at the path that
    the token gives.
  - That path is the SHA-256 of token, name and namespace. So it is known before the cluster exists, when O(token) is
    given, and never guessed.
  - Refuses what Flux would accept and then answer with an error, such as a source that is not there, a filter that
    fails on a ping, or a token that ends in a line break.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
  - aphex.platform._wait
options:
  name:
    description:
      - Name of the Receiver. It is part of the path.
    type: str
    required: true
  namespace:
    description:
      - Namespace of the Receiver and of its Secret. It is part of the path, and must exist.
    type: str
    default: flux-system
  state:
    description:
      - V(present) makes or repairs the Receiver, V(absent) deletes it and the Secret that was made for it.
    type: str
    choices: [present, absent]
    default: present
  type:
    description:
      - Who sends, and so how a request is proven to be genuine. Gitea and Forgejo send as V(github).
      - With V(acr), V(cdevents), V(dockerhub), V(generic) and V(quay) the path is the only secret. It is masked in
        results then, unless O(return_secrets=true).
      - V(generic-oidc) needs notification-controller 1.9, O(oidc_providers), and no token.
    type: str
    choices:
      - acr
      - bitbucket
      - cdevents
      - dockerhub
      - gcr
      - generic
      - generic-hmac
      - generic-oidc
      - github
      - gitlab
      - harbor
      - nexus
      - quay
    default: github
  events:
    description:
      - Kinds of events that are let in, in the sender's words. All when empty.
      - For O(type=github), V(push) when left out; C(ping) is always added, since GitHub begins with one.
      - Refused for a type that does not look at events.
    type: list
    elements: str
  branches:
    description:
      - Branches whose pushes poll the sources, without C(refs/heads/). They become a filter that a ping passes without
        an error. V(['*']) means every push.
      - For O(type=github) and O(type=gitlab). For O(type=github) either this or O(resource_filter) is needed with
        O(state=present).
    type: list
    elements: str
  resource_filter:
    description:
      - A CEL expression in place of O(branches). Every field of the request that it reads must be asked for by
        C(has()) as well.
    type: str
  resources:
    description:
      - What a delivery polls. Needed with O(state=present). One that is not there is refused, since each delivery would
        end in an error.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description:
          - Kind of the object. Poll sources rather than what is made of them.
        type: str
        choices:
          - ArtifactGenerator
          - Bucket
          - ExternalArtifact
          - GitRepository
          - HelmChart
          - HelmRelease
          - HelmRepository
          - ImagePolicy
          - ImageRepository
          - ImageUpdateAutomation
          - Kustomization
          - OCIRepository
        default: GitRepository
      name:
        description:
          - Name of the object, or V(*) with O(resources[].match_labels).
        type: str
        required: true
      namespace:
        description:
          - Namespace of the object. O(namespace) when left out.
        type: str
      api_version:
        description:
          - Version of the kind, such as C(source.toolkit.fluxcd.io/v1). Needed for kinds that are no sources.
        type: str
      match_labels:
        description:
          - Labels that choose the objects, with the name V(*).
        type: dict
      filter:
        description:
          - A CEL expression for this entry, beside that of the whole Receiver. Controllers before 1.9 ignore it.
        type: str
  token:
    description:
      - The token, at least 16 characters without white space. It becomes the key C(token) of a Secret.
      - When left out, a Secret that is there is taken as it is, and else one is made with a random token.
    type: str
  external_secret:
    description:
      - Have External Secrets bring the token, from 1Password for instance. A copy is no rotation, a changed token
        changes the path.
    type: dict
    suboptions:
      store:
        description: Name of the store.
        type: str
        required: true
      store_kind:
        description: Kind of the store.
        type: str
        choices: [ClusterSecretStore, SecretStore]
        default: ClusterSecretStore
      key:
        description: Name of the item; for 1Password its title.
        type: str
        required: true
      property:
        description: Field of the item; for 1Password its label.
        type: str
      refresh_interval:
        description: How often External Secrets looks.
        type: str
        default: 1h
  secret_name:
    description:
      - Name of the Secret. O(name) when left out.
    type: str
  gcr_email:
    description:
      - For O(type=gcr), the account that pushes. Needed unless the Secret has it.
    type: str
  gcr_audience:
    description:
      - For O(type=gcr), the audience of its tokens. Needed unless the Secret has it.
    type: str
  oidc_providers:
    description:
      - For O(type=generic-oidc), whose tokens are let in, and under which conditions.
    type: list
    elements: dict
    suboptions:
      issuer_url:
        description: Address of the issuer.
        type: str
        required: true
      audience:
        description: The audience that a token must have. C(notification-controller) when left out.
        type: str
      variables:
        description: CEL expressions that later ones may use by name.
        type: list
        elements: dict
        suboptions:
          name:
            description: Name of the variable.
            type: str
            required: true
          expression:
            description: Its expression.
            type: str
            required: true
      validations:
        description: CEL expressions that must all be true. At least one, since issuers give tokens to anybody.
        type: list
        elements: dict
        required: true
        suboptions:
          expression:
            description: The expression.
            type: str
            required: true
          failure_message:
            description: What the caller is told when it is not true.
            type: str
            required: true
  interval:
    description:
      - How often Flux looks at the Secret. Flux's own default when left out.
    type: str
  suspend:
    description:
      - Whether deliveries are answered with 503. GitHub does not repeat them by itself.
    type: bool
    default: false
  allow_missing_sources:
    description:
      - Whether sources may be missing that another task is going to make.
    type: bool
    default: false
  adopt:
    description:
      - Whether to take over a Receiver or Secret of that name that somebody else has made.
    type: bool
    default: false
  return_secrets:
    description:
      - Whether the result holds the token, and the path where that is a secret. Set C(no_log=true) on the task then.
    type: bool
    default: false
seealso:
  - module: aphex.platform.flux_receiver_info
  - module: aphex.platform.flux_webhook_verify
  - name: Receivers
    description: What Flux says about them.
    link: https://fluxcd.io/flux/components/notification/receivers/
"""

EXAMPLES = r"""
- name: A push to main polls one repository
  aphex.platform.flux_receiver:
    name: apps
    branches: [main]
    resources:
      - name: apps
  register: apps

- name: Show where GitHub has to deliver to
  ansible.builtin.debug:
    msg: "https://flux.example.org{{ apps.receiver.webhook_path }}"

- name: A token that 1Password keeps, and every repository of a team
  aphex.platform.flux_receiver:
    name: team
    branches: [main, production]
    resources:
      - name: "*"
        match_labels:
          team: web
    external_secret:
      store: onepassword
      key: Flux webhook
      property: token

- name: No such Receiver
  aphex.platform.flux_receiver:
    name: apps
    state: absent
"""

RETURN = r"""
receiver:
  description: The Receiver, V(null) when it is absent.
  type: dict
  returned: success
  contains:
    name:
      description: Its name.
      type: str
      returned: success
      sample: apps
    namespace:
      description: Its namespace.
      type: str
      returned: success
      sample: flux-system
    type:
      description: Who sends.
      type: str
      returned: success
      sample: github
    secret_name:
      description: Name of the Secret with the token, V(null) for a type without one.
      type: str
      returned: success
      sample: apps
    webhook_path:
      description: Path to deliver to, V(null) while nobody knows the token, masked where it is a secret.
      type: str
      returned: success
      sample: /hook/106120121d366c2f67e93200f6c1dbe938235eb588daa5e8c0516d3a77ac1dee
    path_is_secret:
      description: Whether whoever knows the path may trigger the Receiver.
      type: bool
      returned: success
      sample: false
    token_fingerprint:
      description: Tells whether two tokens are equal, and nothing else about them.
      type: str
      returned: success
      sample: 5f1d3c2b7a6e9081
    token:
      description: The token. One that was given by O(token) is masked all the same, as Ansible does with every secret
        input.
      type: str
      returned: when O(return_secrets=true)
      sample: "***"
    missing_sources:
      description: Sources that are not there.
      type: list
      elements: str
      returned: success
      sample: []
    suspended:
      description: Whether deliveries are refused.
      type: bool
      returned: success
      sample: false
    ready:
      description: Whether Flux serves it.
      type: bool
      returned: success
      sample: true
steps:
  description: What was done, or in check mode what would be done.
  type: list
  elements: dict
  returned: success
  sample:
    - product: kubernetes
      verb: create
      target: Receiver flux-system/apps
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: missing
    tried: declaring
    "on": Receiver flux-system/apps
"""

from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._flux.receiver import use_case
from ansible_collections.aphex.platform.plugins.module_utils._flux.spec import SOURCE_VERSIONS, TYPES
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES, STATE, WAIT

_EXPRESSION = {"type": "str", "required": True}

ENTRY_POINT = EntryPoint(
    options={
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "default": "flux-system"},
        **STATE,
        "type": {"type": "str", "choices": sorted(TYPES), "default": "github"},
        "events": {"type": "list", "elements": "str"},
        "branches": {"type": "list", "elements": "str"},
        "resource_filter": {"type": "str"},
        "resources": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "kind": {"type": "str", "choices": sorted(SOURCE_VERSIONS), "default": "GitRepository"},
                "name": {"type": "str", "required": True},
                "namespace": {"type": "str"},
                "api_version": {"type": "str"},
                "match_labels": {"type": "dict"},
                "filter": {"type": "str"},
            },
        },
        "token": {"type": "str", "no_log": True},
        "external_secret": {
            "type": "dict",
            "no_log": False,
            "options": {
                "store": {"type": "str", "required": True},
                "store_kind": {
                    "type": "str",
                    "choices": ["ClusterSecretStore", "SecretStore"],
                    "default": "ClusterSecretStore",
                },
                "key": {"type": "str", "required": True, "no_log": False},
                "property": {"type": "str"},
                "refresh_interval": {"type": "str", "default": "1h"},
            },
        },
        "secret_name": {"type": "str", "no_log": False},
        "gcr_email": {"type": "str"},
        "gcr_audience": {"type": "str"},
        "oidc_providers": {
            "type": "list",
            "elements": "dict",
            "options": {
                "issuer_url": {"type": "str", "required": True},
                "audience": {"type": "str"},
                "variables": {
                    "type": "list",
                    "elements": "dict",
                    "options": {"name": {"type": "str", "required": True}, "expression": _EXPRESSION},
                },
                "validations": {
                    "type": "list",
                    "elements": "dict",
                    "required": True,
                    "options": {"expression": _EXPRESSION, "failure_message": {"type": "str", "required": True}},
                },
            },
        },
        "interval": {"type": "str"},
        "suspend": {"type": "bool", "default": False},
        "allow_missing_sources": {"type": "bool", "default": False},
        "adopt": {"type": "bool", "default": False},
        "return_secrets": {"type": "bool", "default": False, "no_log": False},
        **WAIT,
        **KUBERNETES,
    },
    rules={"mutually_exclusive": [("branches", "resource_filter"), ("token", "external_secret")]},
    products={"kubernetes": Kubernetes},
    use_case=use_case,
    result_key="receiver",
    libraries=LIBRARIES,
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
