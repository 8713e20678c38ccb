"""The guide to GitHub runs as it is written: every command of it, in order, against a stand-in of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.contract.platform import environment
from tests.sandbox.sandbox import CHECKOUT
from tests.sandbox.standins.github import GitHub

GUIDE = CHECKOUT / "docs" / "guides" / "github.md"
FOLDER = "/tmp/aphex-github"
_BLOCK = re.compile(r"^```shell\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# What sets up and takes down the sandbox; here the stand-in is there already.
_AROUND = re.compile(r"^(make |source |python -m tests\.sandbox |eval ).*\n", re.MULTILINE)


def _script(folder: Path) -> str:
    text = "".join(_BLOCK.findall(GUIDE.read_text(encoding="utf-8")))
    return _AROUND.sub("", text).replace(FOLDER, str(folder))


def test_every_command_of_the_guide_does_what_it_says(tmp_path: Path) -> None:
    with GitHub() as standin:
        key = tmp_path / "app.pem"
        key.write_text(standin.private_key, encoding="ascii")
        standin._apps.webhooks[standin.app_id].url = "https://former.example.org/"
        env = environment(
            tmp_path,
            GITHUB_API_URL=standin.url,
            GITHUB_TOKEN=standin.token,
            APHEX_SANDBOX_GITHUB=standin.url,
            APHEX_SANDBOX_GITHUB_APP_ID=str(standin.app_id),
            APHEX_SANDBOX_GITHUB_APP_KEY_FILE=str(key),
        )
        bash = shutil.which("bash") or "bash"
        script = _script(tmp_path / "guide")
        ended = subprocess.run(
            [bash, "-euo", "pipefail", "-c", script], cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False
        )
        state = standin.state()
    output = ended.stdout + ended.stderr
    assert ended.returncode == 0, output
    # Check mode, the first run, the second run; for the webhook once more as the App.
    recaps = re.findall(r"localhost +: .*?changed=(\d+)", output)
    assert recaps == ["1", "1", "0", "2", "2", "0", "0"], output
    assert output.count("event: push") == 2, "the lost push shows in the log and in what would be redelivered"
    assert "2a0a:a440::/29" in output
    assert not (tmp_path / "guide").exists()
    assert (state["webhooks"], state["environments"]) == ([], [])


def test_the_commands_are_found() -> None:
    script = _script(Path("/somewhere"))
    assert script.count("ansible-playbook ") == 7
    assert script.count("ansible localhost ") == 7
    assert "tests.sandbox" not in script
