#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module authentik_blueprint: one instance of a blueprint, applied.

In: options. Out: the result ``blueprint``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: authentik_blueprint
short_description: Manage a blueprint of Authentik, and wait until it is applied
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Makes, changes and deletes an instance of a blueprint, has it applied, and waits until Authentik's worker says that
    it was. A blueprint that cannot be applied fails the task with the reasons that the worker logged.
  - An unchanged and applied blueprint costs two requests that read, and is not applied again.
  - What a blueprint has made stays when its instance is deleted.
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_authentik
  - aphex.platform._authentik
options:
  name:
    description:
      - Name of the instance. Authentik's worker names those that it makes for mounted files by C(metadata.name) in the
        file.
    type: str
    required: true
  path:
    description:
      - File of the blueprint, relative to the folder C(/blueprints) of the worker.
      - A change of the file is seen by its hash, which the worker tells. Whether a change of a file that it reads by
        C(!File) is seen too depends on the version; see O(apply).
    type: str
  content:
    description:
      - The blueprint itself, as a text, in place of O(path). Authentik checks it before it takes it.
      - It may hold secrets, so results and diffs show a digest of it and no more. Better name files or variables of the
        environment in it, by C(!File) and C(!Env); they are read where Authentik runs.
    type: raw
  blueprint_context:
    description:
      - Values for C(!Context) in the blueprint. What is there stays when this is left out. Not for secrets.
    type: dict
  enabled:
    description:
      - Whether the blueprint is applied, now and when its file changes.
    type: bool
    default: true
  apply:
    description:
      - V(on_change) applies it when it is new, was changed, or was not applied with success.
      - V(always) applies it each time, as after a change of a secret that it reads; the task is then changed each time.
    type: str
    choices: [on_change, always]
    default: on_change
  wait:
    description:
      - Whether to wait until it is applied.
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds to wait.
    type: int
    default: 120
  state:
    description:
      - Whether the instance should be there.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: aphex.platform.authentik_oauth2_provider
"""

EXAMPLES = r"""
- name: The mounted blueprint of the platform, applied
  aphex.platform.authentik_blueprint:
    name: Aphex platform
    path: mounted/platform/platform.yaml
    authentik_url: https://auth.example.org
    authentik_token: "{{ vault_authentik_token }}"

- name: The same once more, since a secret that it reads has changed
  aphex.platform.authentik_blueprint:
    name: Aphex platform
    path: mounted/platform/platform.yaml
    apply: always
    authentik_url: https://auth.example.org
    authentik_token: "{{ vault_authentik_token }}"

- name: A blueprint of your own, with a value for its context
  aphex.platform.authentik_blueprint:
    name: Guests
    content: |
      version: 1
      metadata:
        name: Guests
      entries:
        - model: authentik_core.group
          identifiers:
            name: !Context group
          attrs:
            is_superuser: false
    blueprint_context:
      group: guests
    authentik_url: https://auth.example.org
    authentik_token: "{{ vault_authentik_token }}"

- name: No such instance
  aphex.platform.authentik_blueprint:
    name: Guests
    state: absent
    authentik_url: https://auth.example.org
    authentik_token: "{{ vault_authentik_token }}"
"""

RETURN = r"""
blueprint:
  description: The instance as it is after the task, V(null) when it is absent. In check mode, what cannot be known
    before it is made is V(null).
  returned: success
  type: dict
  contains:
    id:
      description: Id of the instance.
      type: str
      returned: success
      sample: 5f7a1f0e-3c0e-4a64-9f3b-7d1c7a1f9a10
    name:
      description: Name of the instance.
      type: str
      returned: success
      sample: Aphex platform
    path:
      description: File of the blueprint, V(null) for one that is given by its content.
      type: str
      returned: success
      sample: mounted/platform/platform.yaml
    context:
      description: Values for the blueprint's context.
      type: dict
      returned: success
      sample: {}
    enabled:
      description: Whether it is applied.
      type: bool
      returned: success
      sample: true
    status:
      description: How the last application ended. V(null) when nobody waited for it.
      type: str
      returned: success
      sample: successful
    last_applied:
      description: When Authentik wrote that status.
      type: str
      returned: success
      sample: '2026-09-01T12:00:00.000000Z'
steps:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - product: authentik
      verb: create
      target: Blueprint Aphex platform
    - product: authentik
      verb: apply
      target: Blueprint Aphex platform
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
      sample: invalid
"""

import typing as t

from ansible_collections.aphex.platform.plugins.module_utils._authentik.blueprint import APPLY, Blueprint
from ansible_collections.aphex.platform.plugins.module_utils._authentik.product import Authentik
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Declared, Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, Params, Products, run_module
from ansible_collections.aphex.platform.plugins.module_utils._options import AUTHENTIK, STATE, WAIT

OPTIONS: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "path": {"type": "str"},
    "content": {"type": "raw"},
    "blueprint_context": {"type": "dict"},
    "enabled": {"type": "bool", "default": True},
    "apply": {"type": "str", "choices": list(APPLY), "default": "on_change"},
    **WAIT,
    **STATE,
    **AUTHENTIK,
}


def declare(params: Params, products: Products, runtime: Runtime) -> Declared:
    """Return the use case: this one blueprint."""
    return Declared([Blueprint.from_params(params)], products)


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"authentik": Authentik},
    use_case=declare,
    result_key="blueprint",
    libraries=("httpx",),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
