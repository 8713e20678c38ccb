"""A hundred repositories and a webhook each: how long, and how many requests, beside community.general?

PyGithub, by which the peer speaks, waits a second between writes and a quarter of one between requests by itself. Ours
goes on until GitHub asks it to wait, and then waits as long as GitHub says. Secondary rate limits are off in this
stand-in: GitHub itself asks that after eighty writes in a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.bench.measure import ratio, row, title
from tests.bench.peers import PYTHON
from tests.bench.scene import Scene
from tests.bench.specimens import playbook, write_json
from tests.sandbox.standins.control import Control

OWNER = "acme-corp"
REPOSITORIES = 100

Task = dict[str, Any]


def ask(scene: Scene) -> None:
    """Print times and requests of both contestants, first run and second."""
    github = Control(scene.sandbox.env["APHEX_SANDBOX_GITHUB"])
    for name in _names():
        github.do("add_repository", full_name=f"{OWNER}/{name}")
    peer, ours = partial(_loop, scene, "peer", _peer(scene)), partial(_loop, scene, "ours", _ours())
    hosts = partial(_hosts, scene)
    title(f"A webhook on each of {REPOSITORIES} repositories, made")
    slow = _counted(github, "community.general.github_webhook, a loop", peer)
    fast = _counted(github, "ours, a loop", ours)
    many = _counted(github, f"ours, {REPOSITORIES} hosts", hosts)
    ratio(slow, fast)
    ratio(slow, many)
    title("The same again, unchanged")
    slow = _counted(github, "community.general.github_webhook, a loop", peer)
    fast = _counted(github, "ours, a loop", ours)
    ratio(slow, fast)


def _names() -> list[str]:
    return [f"bench-{number:03}" for number in range(REPOSITORIES)]


def _counted(github: Control, what: str, once: Callable[[int], float]) -> Any:
    """Time one run, and print how many requests each repository cost."""
    github.clear_log()
    answer = row(what, once, 1)
    log = github.log()
    writes = sum(entry.writes for entry in log)
    print(f"    requests: {len(log) / REPOSITORIES:.2f} a repository, {writes} of all write", flush=True)
    return answer


def _ours(repository: str = "{{ item }}") -> Task:
    arguments = {"owner": OWNER, "repository": repository, "url": "https://ours.example.org/hook", "ping": "never"}
    return {"aphex.platform.github_webhook": {**arguments, "secret": "of the bench"}}


def _peer(scene: Scene) -> Task:
    arguments = {
        "repository": f"{OWNER}/{{{{ item }}}}",
        "url": "https://peer.example.org/hook",
        "user": "olga",
        "token": scene.sandbox.env["GITHUB_TOKEN"],
        "github_url": scene.sandbox.env["GITHUB_API_URL"],
        "events": ["push"],
        "content_type": "json",
        "secret": "of the bench",
    }
    # It runs as a module, in a Python that has its library.
    return {"community.general.github_webhook": arguments, "vars": {"ansible_python_interpreter": str(PYTHON)}}


def _loop(scene: Scene, name: str, task: Task, _run: int) -> float:
    looped = {**task, "loop": _names(), "loop_control": {"label": "{{ item }}"}}
    return scene.play(playbook(scene.folder / f"webhooks-{name}.json", [looped]))


def _hosts(scene: Scene, _run: int) -> float:
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    inventory = write_json(
        scene.folder / "webhooks-hosts.json",
        {"all": {"hosts": {name: {} for name in _names()}, "vars": local}},
    )
    task = _ours("{{ inventory_hostname }}")
    task["aphex.platform.github_webhook"]["url"] = "https://hosts.example.org/hook"
    return scene.play(playbook(scene.folder / "webhooks-many.json", [task], "all"), "-i", inventory)
