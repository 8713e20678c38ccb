"""The layer rule holds in this checkout; and each part of the rule finds what it is there to find."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.layers import problems
from tests.tools.steps import ROOT

_KNOWN = {"_kubernetes/product.py": "", "_cloudflare/product.py": "", "_tenancy/names.py": ""}
_HOME = "from ansible_collections.aphex.platform.plugins"


def _checkout(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_the_checkout_keeps_the_layer_rule() -> None:
    assert problems(ROOT) == []


def test_the_rule_sees_the_files_of_this_checkout() -> None:
    assert (ROOT / "plugins" / "module_utils" / "_core" / "plan.py").is_file()
    assert (ROOT / "tests" / "sandbox" / "__main__.py").is_file()


ALLOWED = {
    "module_utils/_core/plan.py": "import enum\nfrom . import failure\nfrom .failure import Failure",
    "module_utils/_core/failure.py": "import secrets",
    "module_utils/_http.py": "try:\n    import httpx\nexcept ImportError:\n    httpx = None\nfrom ._core import retry",
    "module_utils/_yaml.py": "try:\n    import yaml\nexcept ImportError as error:\n    yaml = None",
    "module_utils/_kubernetes/product.py": "from .client import Client\nfrom .._core import plan\nfrom .. import _yaml",
    "module_utils/_kubernetes/client.py": (
        "import typing as t\nif t.TYPE_CHECKING:\n    import kubernetes\ndef send(secret):\n    return secret.reveal()"
    ),
    "module_utils/_cloudflare/product.py": "from .._http import Session",
    "module_utils/_tenancy/organization.py": "from .._kubernetes import objects\nfrom . import organization_objects",
    "module_utils/_tenancy/organization_objects.py": "from .._cloudflare.cloudflared import config",
    "module_utils/_edge.py": "from ansible.module_utils import basic\nfrom ._core.reconcile import reconcile",
    "modules/organization.py": f"{_HOME}.module_utils._edge import run_module\n{_HOME}.module_utils import _options",
    "plugin_utils/_in_process.py": f"import importlib.util\nimport ansible\n{_HOME}.module_utils._edge import answer",
    "action/organization.py": (
        f"{_HOME}.modules.organization import ENTRY_POINT\n{_HOME}.plugin_utils._in_process import InProcess"
    ),
    "filter/tunnel_token.py": f"import ansible\n{_HOME}.module_utils._cloudflare.cloudflared import token",
}


def test_what_the_house_allows_is_no_problem(tmp_path: Path) -> None:
    root = _checkout(tmp_path, {f"plugins/{name}": text for name, text in ALLOWED.items()})
    assert problems(root) == []


# Each row: a file, what it says, a part of the sentence that must come.
FORBIDDEN = {
    "a product imports a product": ("_kubernetes/plan.py", "from .._cloudflare import client", "(product) imports"),
    "a product imports a whole product": ("_kubernetes/plan.py", "from .. import _cloudflare", "(product) imports"),
    "a product imports a use case": ("_kubernetes/plan.py", "from .._tenancy.names import X", "(use case)"),
    "a use case imports a use case": ("_tenancy/a.py", "from .._flux.receiver import X", "(use case) imports"),
    "a use case imports the edge": ("_tenancy/a.py", "from .._edge import answer", "(edge)"),
    "a new product is known as one": ("_grafana/client.py", "from .._kubernetes import client", "_grafana (product)"),
    "the core imports a tool": ("_core/plan.py", "from .. import _yaml", "(core) imports"),
    "a tool imports a tool": ("_probe.py", "from ._http import Session", "(tool) imports"),
    "an import inside a function": ("_core/plan.py", "def f():\n    from .._http import Session", "(core) imports"),
    "an import for types": (
        "_core/plan.py",
        "import typing as t\nif t.TYPE_CHECKING:\n    from .._kubernetes import client",
        "(core) imports",
    ),
    "Ansible below the edge": ("_tenancy/a.py", "from ansible.module_utils.basic import X", "only the edges"),
    "Ansible in a module": ("../modules/organization.py", "import ansible", "only the edges"),
    "a module imports a module": (
        "../modules/organization_info.py",
        f"{_HOME}.modules.organization import ENTRY_POINT",
        "(module) imports modules/organization",
    ),
    "a lookup imports a use case": (
        "../lookup/manifests.py",
        f"{_HOME}.module_utils._tenancy import names",
        "(reader) imports",
    ),
    "an action imports a product": (
        "../action/organization.py",
        f"{_HOME}.module_utils._kubernetes.product import X",
        "(action) imports",
    ),
    "a library away from home": ("_tenancy/a.py", "import yaml", "whose one file is"),
    "a library with no home": ("_tenancy/a.py", "import requests", "has no home"),
    "a library without a guard": ("_yaml.py", "import yaml", "without a guard"),
    "a guard for something else": (
        "_yaml.py",
        "try:\n    import yaml\nexcept ValueError:\n    raise",
        "without a guard",
    ),
    "discovery": ("_tenancy/a.py", "import pkgutil", "would not travel"),
    "discovery by name": ("_tenancy/a.py", "from importlib import import_module", "would not travel"),
    "discovery by builtin": ("_tenancy/a.py", "x = __import__('json')", "would not travel"),
    "a secret is revealed": ("_kubernetes/plan.py", "def f(x):\n    return x.reveal()", "reveals a secret"),
    "a secret is revealed later": ("_edge.py", "f = max.reveal", "reveals a secret"),
    "input and output in the core": ("_core/plan.py", "from urllib.request import urlopen", "no input or output"),
    "a builder asks the clock": ("_tenancy/a_objects.py", "import time", "no clock"),
    "a builder throws dice": ("_tenancy/a_objects.py", "from secrets import token_hex", "no clock"),
    "a file that no rule knows": ("_something.py", "", "does not know this room"),
    "a folder that no rule knows": ("../callback/x.py", "", "does not know this room"),
}


@pytest.mark.parametrize(("name", "text", "sentence"), FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_rule_finds(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    known = {f"plugins/module_utils/{path}": content for path, content in _KNOWN.items()}
    if name.startswith("_grafana"):
        known["plugins/module_utils/_grafana/product.py"] = ""
    folder = "plugins" if name.startswith("../") else "plugins/module_utils"
    root = _checkout(tmp_path, {**known, f"{folder}/{name.removeprefix('../')}": text})
    found = problems(root)
    assert len(found) == 1, found
    assert sentence in found[0]


@pytest.mark.parametrize("text", [f"{_HOME}.module_utils import _yaml", "import plugins.module_utils._yaml"])
def test_the_rule_finds_a_sandbox_that_knows_the_product(tmp_path: Path, text: str) -> None:
    root = _checkout(tmp_path, {"tests/sandbox/standins/x.py": text})
    assert [each for each in problems(root) if "knows nothing of the product" in each]


def test_the_rule_finds_python_where_no_layer_is(tmp_path: Path) -> None:
    root = _checkout(tmp_path, {"services/other/http.py": "", "services/gate/http.py": ""})
    assert problems(root) == ["services/other/http.py:1: Python outside of plugins/, services/ and tests/"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{_HOME}.module_utils._tenancy import names", "the service gate imports _tenancy"),
        ("import services.controller.lease", "the service gate imports services.controller.lease"),
        ("import sqlite3", "imports sqlite3, whose files are gate/sqlite.py"),
        ("import requests", "library requests has no home"),
    ],
)
def test_the_rule_finds_a_service_out_of_its_rooms(tmp_path: Path, text: str, sentence: str) -> None:
    found = problems(_checkout(tmp_path, {"services/gate/worker.py": text}))
    assert len(found) == 1
    assert sentence in found[0]
