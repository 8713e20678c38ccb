"""The guide to the gate runs as it is written: every command of it, in order, against a GitHub of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.contract.platform import environment
from tests.sandbox.process import free_port
from tests.sandbox.sandbox import CHECKOUT
from tests.sandbox.standins.github import GitHub

GUIDE = CHECKOUT / "docs" / "guides" / "gate.md"
FOLDER = "/tmp/aphex-gate"
_BLOCK = re.compile(r"^```shell\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# What sets up and takes down the sandbox; here the stand-in is there already.
_AROUND = re.compile(r"^(make |source |python -m tests\.sandbox |eval ).*\n", re.MULTILINE)


def _script(folder: Path) -> str:
    text = _AROUND.sub("", "".join(_BLOCK.findall(GUIDE.read_text(encoding="utf-8")))).replace(FOLDER, str(folder))
    for port in ("18080", "19090"):
        text = text.replace(port, str(free_port()))
    return text


def test_every_command_of_the_guide_does_what_it_says(tmp_path: Path) -> None:
    with GitHub() as standin:
        key = tmp_path / "app.pem"
        key.write_text(standin.private_key, encoding="ascii")
        env = environment(
            tmp_path,
            GITHUB_API_URL=standin.url,
            GITHUB_TOKEN=standin.token,
            APHEX_SANDBOX_GITHUB=standin.url,
            APHEX_SANDBOX_GITHUB_APP_ID=str(standin.app_id),
            APHEX_SANDBOX_GITHUB_APP_KEY_FILE=str(key),
        )
        bash = shutil.which("bash") or "bash"
        # Whatever ends the script ends the gate that it has started.
        script = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + _script(tmp_path / "guide")
        ended = subprocess.run(
            [bash, "-euo", "pipefail", "-c", script],
            cwd=CHECKOUT,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        state = standin.state()
    output = ended.stdout + ended.stderr
    assert ended.returncode == 0, output
    # The policy in check mode, published, and again; what is wired; what is taken back.
    assert re.findall(r"localhost +: .*?changed=(\d+)", output) == ["1", "1", "0", "3", "2"], output
    assert "9 cases, 0 failed." in output
    assert "Recorded" in output, "the decision is explained"
    assert "approve" in output
    [run] = state["runs"]
    assert "approved" in str(run)
    assert not (tmp_path / "guide").exists()


def test_the_commands_are_found() -> None:
    script = _script(Path("/somewhere"))
    assert script.count("ansible-playbook ") == 5
    assert script.count("gate ") > 6
    assert "tests.sandbox" not in script
