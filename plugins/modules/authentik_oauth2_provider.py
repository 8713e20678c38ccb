#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module authentik_oauth2_provider: an OAuth2 provider with its application and the groups that may use it.

In: options. Out: the result ``oauth2_provider``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: authentik_oauth2_provider
short_description: Manage an OAuth2 or OpenID Connect provider of Authentik with its application
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Makes, changes and deletes a provider, found by its name, the application that it stands behind, and which groups
    may use that.
  - The secret is compared with the one that Authentik has. An equal one is not written, another one is.
  - Flows, key pairs, scope mappings and groups are named as people name them. Two of one name, a client id of another
    provider, or an application of another provider are refused before anything is written.
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_authentik
  - aphex.platform._authentik
options:
  name:
    description:
      - Name of the provider. It is what the provider is found by.
    type: str
    required: true
  client_id:
    description:
      - Id by which the client introduces itself. Authentik makes one when it is left out.
    type: str
  client_type:
    description:
      - V(confidential) has a secret, V(public) has none and uses PKCE.
    type: str
    choices: [confidential, public]
    default: confidential
  client_secret:
    description:
      - Secret of the client. When left out, the one that is there stays, and Authentik makes one for a new provider.
    type: str
  redirect_uris:
    description:
      - Addresses to which a login may lead back, exactly these. What is there stays when this is left out.
    type: list
    elements: dict
    suboptions:
      url:
        description:
          - The whole address, or a regular expression for it.
        type: str
        required: true
      matching_mode:
        description:
          - How it is compared. A regular expression lets in more than it seems to.
        type: str
        choices: [strict, regex]
        default: strict
      type:
        description:
          - Whether it is for logins or for logouts.
        type: str
        choices: [authorization, logout]
        default: authorization
  grant_types:
    description:
      - What a client may ask for, exactly these. Since 2026.5 a provider without any refuses every login. Earlier
        versions allow all and do not know the setting.
    type: list
    elements: str
    choices:
      - authorization_code
      - implicit
      - hybrid
      - refresh_token
      - client_credentials
      - password
      - urn:ietf:params:oauth:grant-type:device_code
    default: [authorization_code, refresh_token]
  authorization_flow:
    description:
      - Slug of the flow by which a logged-in user is handed over to the client. Not a flow that logs in.
    type: str
    default: default-provider-authorization-implicit-consent
  invalidation_flow:
    description:
      - Slug of the flow that ends a session of the client.
    type: str
    default: default-provider-invalidation-flow
  signing_key:
    description:
      - Name of the certificate with a private key that signs the tokens. Without one they would be signed with the
        secret, which Dex and others refuse.
    type: str
    default: authentik Self-signed Certificate
  scope_mappings:
    description:
      - Scope mappings that make the claims, exactly these, each by its managed id such as
        V(goauthentik.io/providers/oauth2/scope-openid) or by its name. What is there stays when this is left out.
    type: list
    elements: str
  sub_mode:
    description:
      - What the claim C(sub) is made of. Prefer V(user_uuid) or V(hashed_user_id), which nobody can change.
    type: str
    choices: [hashed_user_id, user_id, user_uuid, user_username, user_email, user_upn]
  issuer_mode:
    description:
      - Whether each provider is an issuer of its own.
    type: str
    choices: [per_provider, global]
  include_claims_in_id_token:
    description:
      - Whether the ID token has the claims of the scopes, for clients that do not ask for them.
    type: bool
  access_code_validity:
    description:
      - How long a code is good, such as V(minutes=1).
    type: str
  access_token_validity:
    description:
      - How long an access token is good, such as V(minutes=5) or V(hours=1;minutes=30).
    type: str
  refresh_token_validity:
    description:
      - How long a refresh token is good, such as V(days=30).
    type: str
  application:
    description:
      - Slug of the application. It is part of the issuer, which ends in C(/application/o/SLUG/). Without it there is no
        application, and nobody can log in.
    type: str
  application_name:
    description:
      - Name that people see. The provider's name for a new one when left out.
    type: str
  groups:
    description:
      - Names of the groups whose members may use the application, exactly these; each of them is enough. An empty list
        lets everybody in. Bindings of policies and of users stay as they are.
    type: list
    elements: str
  state:
    description:
      - Whether provider and application should be there. V(absent) removes the application of O(application) first,
        unless it belongs to another provider.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: aphex.platform.authentik_blueprint
"""

EXAMPLES = r"""
- name: The provider of Dex
  aphex.platform.authentik_oauth2_provider:
    name: dex
    client_id: dex
    client_secret: "{{ vault_dex_client_secret }}"
    redirect_uris:
      - url: https://dex.example.org/callback
    scope_mappings:
      - goauthentik.io/providers/oauth2/scope-openid
      - goauthentik.io/providers/oauth2/scope-profile
    sub_mode: user_uuid
    application: platform
    groups: [platform-admins, platform-operators, platform-engineering]
    authentik_url: https://auth.example.org
    authentik_token: "{{ vault_authentik_token }}"

- name: No such provider, and no such application
  aphex.platform.authentik_oauth2_provider:
    name: dex
    application: platform
    state: absent
    authentik_url: https://auth.example.org
    authentik_token: "{{ vault_authentik_token }}"
"""

RETURN = r"""
oauth2_provider:
  description: The provider as it is after the task, V(null) when it is absent. In check mode, what cannot be known
    before it is made is V(null).
  returned: success
  type: dict
  contains:
    id:
      description: Id of the provider.
      type: int
      returned: success
      sample: 4
    name:
      description: Name of the provider.
      type: str
      returned: success
      sample: dex
    client_id:
      description: Id of the client.
      type: str
      returned: success
      sample: dex
    client_secret_fingerprint:
      description: Fingerprint of the secret, a keyed hash that tells equal ones from others.
      type: str
      returned: success
      sample: 3f1c0a94bb6de210
    redirect_uris:
      description: Addresses to which a login or a logout may lead back.
      type: list
      elements: dict
      returned: success
      sample: [{url: https://dex.example.org/callback, matching_mode: strict, type: authorization}]
    scope_mappings:
      description: Scope mappings by managed id or name.
      type: list
      elements: str
      returned: success
      sample: [goauthentik.io/providers/oauth2/scope-openid]
    authorization_flow:
      description: Slug of the flow.
      type: str
      returned: success
      sample: default-provider-authorization-implicit-consent
    signing_key:
      description: Name of the key pair.
      type: str
      returned: success
      sample: authentik Self-signed Certificate
    application:
      description: The application, V(null) when none is wanted. C(groups) is V(null) when they were left alone.
      type: dict
      returned: success
      sample: {id: 0b989ba4-242f-11e5-81e1-c7b6966d2516, slug: platform, name: Platform, groups: [platform-admins]}
steps:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - product: authentik
      verb: create
      target: OAuth2 provider dex
failure:
  description: The failure for programs. Its RV(failure.kind) is one of V(invalid), V(refused), V(missing), V(denied),
    V(conflict), V(busy), V(timeout) and V(broken).
  returned: failure
  type: dict
  contains:
    kind:
      description: What went wrong, as far as a caller can act on it.
      type: str
      returned: failure
      sample: refused
"""

import typing as t

from ansible_collections.aphex.platform.plugins.module_utils._authentik.oauth2_provider import (
    AUTHORIZATION_FLOW,
    CLIENT_TYPES,
    GRANT_TYPES,
    INVALIDATION_FLOW,
    ISSUER_MODES,
    SIGNING_KEY,
    SUB_MODES,
    OAuth2Provider,
)
from ansible_collections.aphex.platform.plugins.module_utils._authentik.product import Authentik
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Declared, Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, Params, Products, run_module
from ansible_collections.aphex.platform.plugins.module_utils._options import AUTHENTIK, STATE

OPTIONS: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "client_id": {"type": "str"},
    "client_type": {"type": "str", "choices": list(CLIENT_TYPES), "default": "confidential"},
    "client_secret": {"type": "str", "no_log": True},
    "redirect_uris": {
        "type": "list",
        "elements": "dict",
        "options": {
            "url": {"type": "str", "required": True},
            "matching_mode": {"type": "str", "choices": ["strict", "regex"], "default": "strict"},
            "type": {"type": "str", "choices": ["authorization", "logout"], "default": "authorization"},
        },
    },
    "grant_types": {
        "type": "list",
        "elements": "str",
        "choices": list(GRANT_TYPES),
        "default": ["authorization_code", "refresh_token"],
    },
    "authorization_flow": {"type": "str", "default": AUTHORIZATION_FLOW},
    "invalidation_flow": {"type": "str", "default": INVALIDATION_FLOW},
    "signing_key": {"type": "str", "default": SIGNING_KEY, "no_log": False},
    "scope_mappings": {"type": "list", "elements": "str"},
    "sub_mode": {"type": "str", "choices": list(SUB_MODES)},
    "issuer_mode": {"type": "str", "choices": list(ISSUER_MODES)},
    "include_claims_in_id_token": {"type": "bool", "no_log": False},
    "access_code_validity": {"type": "str"},
    "access_token_validity": {"type": "str", "no_log": False},
    "refresh_token_validity": {"type": "str", "no_log": False},
    "application": {"type": "str"},
    "application_name": {"type": "str"},
    "groups": {"type": "list", "elements": "str"},
    **STATE,
    **AUTHENTIK,
}


def declare(params: Params, products: Products, runtime: Runtime) -> Declared:
    """Return the use case: this one provider."""
    return Declared([OAuth2Provider.from_params(params)], products)


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"authentik": Authentik},
    use_case=declare,
    result_key="oauth2_provider",
    libraries=("httpx",),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
