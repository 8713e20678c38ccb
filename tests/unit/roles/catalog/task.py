"""Runs a task of the catalog as Tekton would: step after step, with the environment that its template writes.

In: the name of a task, its params and workspaces. Out: what each tool was asked, and what the task answered. Never
here: a value that is put into the text of a script.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.tools.steps import ROOT

ROLE = ROOT / "roles" / "catalog"
SCRIPTS = ROLE / "files" / "scripts"
TEMPLATES = ROLE / "templates" / "catalog"
TOOLS = ("aws", "buildah", "cdktf", "helm", "kubectl", "npm", "terraform")
TOOL_FAILED = 7

_EXPRESSION = re.compile(r"\{\{.*\}\}")
_SCRIPT = re.compile(r"\{\{ lookup\('ansible\.builtin\.file', '(?P<path>scripts/[^']+)'\) \| indent\(\d+\) \}\}")
_REFERENCE = re.compile(r"\$\(([^()\s]+)\)")
_END_OF_CALL = "\x01"


def template(name: str) -> dict[str, Any]:
    """The object of a template, with the path of its script in the place of a script."""
    text = TEMPLATES.joinpath(f"{name}.yaml.j2").read_text(encoding="utf-8")
    text = _SCRIPT.sub(lambda match: match["path"], text)
    text = "\n".join(line for line in text.splitlines() if not line.startswith("{%"))
    found: dict[str, Any] = yaml.safe_load(_EXPRESSION.sub("image:1", text))
    return found


def names(kind: str) -> list[str]:
    """The names of the templates of that kind."""
    found = [path.name.removesuffix(".yaml.j2") for path in sorted(TEMPLATES.iterdir())]
    return [name for name in found if template(name)["kind"] == kind]


@dataclass(frozen=True)
class Ended:
    """How a task ended: the exit code of its last step, what it said, its results, and the calls of the tools."""

    code: int
    output: str
    results: dict[str, str]
    calls: list[list[str]]

    def of(self, program: str) -> list[list[str]]:
        """The arguments of each call of that program."""
        return [call[1:] for call in self.calls if call[0] == program]


@dataclass
class Bench:
    """A folder in which tasks run, with recording stand-ins of the tools before everything else on the PATH."""

    folder: Path
    does: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("bin", "results", "shared", "source"):
            (self.folder / name).mkdir()

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def shared(self) -> Path:
        return self.folder / "shared"

    def write(self, files: Mapping[str, str], below: str = "source") -> Path:
        """Write files into a workspace, which is a folder."""
        folder = self.folder / below
        for path, text in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        return folder

    def run(
        self,
        name: str,
        params: Mapping[str, str],
        workspaces: Mapping[str, Path] | None = None,
        fails: int | None = None,
    ) -> Ended:
        """Run the task; the tool that is called as number `fails` ends with an error instead of doing its work."""
        self._make_tools(fails)
        spec = template(name)["spec"]
        values = self._values(spec, params, workspaces or {"source": self.source})
        output = ""
        code = 0
        for step in spec["steps"]:
            env = {item["name"]: item["value"] for item in _env(spec, step)}
            ended = subprocess.run(
                ["sh", str(ROLE / "files" / step["script"].strip())],
                cwd="/",
                env={**self._filled(env, values), "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=60,
            )
            code, output = ended.returncode, output + ended.stdout
            if code:
                break
        results = {path.name: path.read_text(encoding="utf-8") for path in (self.folder / "results").iterdir()}
        return Ended(code, output, results, self._calls())

    def _make_tools(self, fails: int | None) -> None:
        for path in (self.folder / "results").iterdir():
            path.unlink()
        log, count = self.folder / "calls", self.folder / "count"
        log.write_bytes(b"")
        count.write_text("", encoding="utf-8")
        for tool in TOOLS:
            lines = (
                "#!/bin/sh",
                f"printf '%s\\0' '{tool}' \"$@\" >>'{log}'",
                f"printf '{_END_OF_CALL}\\0' >>'{log}'",
                f"echo >>'{count}'",
                f"[ \"$(wc -l <'{count}')\" -ne {fails or 0} ] || exit {TOOL_FAILED}",
                self.does.get(tool, ":"),
            )
            path = self.folder / "bin" / tool
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            path.chmod(0o755)

    def _calls(self) -> list[list[str]]:
        calls: list[list[str]] = [[]]
        for word in (self.folder / "calls").read_text(encoding="utf-8").split("\0")[:-1]:
            if word == _END_OF_CALL:
                calls.append([])
            else:
                calls[-1].append(word)
        return calls[:-1]

    def _values(
        self, spec: Mapping[str, Any], params: Mapping[str, str], workspaces: Mapping[str, Path]
    ) -> dict[str, str]:
        values = {"context.taskRun.namespace": "web"}
        for param in spec["params"]:
            values[f"params.{param['name']}"] = params[param["name"]] if param["name"] in params else param["default"]
        for workspace in spec["workspaces"]:
            path = workspaces.get(workspace["name"])
            values[f"workspaces.{workspace['name']}.bound"] = "true" if path else "false"
            values[f"workspaces.{workspace['name']}.path"] = str(path or "")
        for result in spec.get("results", []):
            values[f"results.{result['name']}.path"] = str(self.folder / "results" / result["name"])
        return values

    def _filled(self, env: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
        """The environment of a step, with the volume of the task in a folder of ours."""
        filled = {}
        for name, value in env.items():
            here = f"{self.shared}{value.removeprefix('/shared')}" if value.startswith("/shared") else value
            filled[name] = _REFERENCE.sub(lambda match: values[match[1]], here)
        return filled


def _env(spec: Mapping[str, Any], step: Mapping[str, Any]) -> Iterable[dict[str, str]]:
    return [*spec.get("stepTemplate", {}).get("env", []), *step.get("env", [])]


def git(*words: str, cwd: Path) -> str:
    """Run git with a fixed author and no settings of this machine."""
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _PERSON.items()},
    }
    done = subprocess.run(["git", *words], cwd=cwd, env=env, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


_PERSON = {"NAME": "Somebody", "EMAIL": "somebody@example.com", "DATE": "1763729938 +0000"}
