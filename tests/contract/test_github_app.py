"""A run as a GitHub App: one token for all its workers, one call for what is unchanged, and nothing of it shows.

In: both sides. Out: how often GitHub was asked for what, and where the App's secrets stand. Never here: what one module
does; that is in `cases/`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.contract import search
from tests.contract.runner import IN_PROCESS, MODULE, PATHS, Playing, Task, local_host, play_of
from tests.contract.world import World

REPOSITORIES = 6
MINT, FIND = "POST access_tokens", "GET installation"


def _env(world: World) -> dict[str, str]:
    """The App's credentials in the environment in place of the token."""
    env = {name: value for name, value in world.side.env.items() if name != "GITHUB_TOKEN"}
    return {
        **env,
        "GITHUB_APP_ID": str(world.github.app_id),
        "GITHUB_APP_PRIVATE_KEY": world.github.private_key,
    }


def _hosts(world: World, path: str) -> dict[str, dict[str, Any]]:
    """A host for each of some repositories of the world's own organization."""
    for number in range(REPOSITORIES):
        world.github.add_repository(f"{world.owner}/repo-{number}")
    return {f"repo-{number}": local_host(path) for number in range(REPOSITORIES)}


def _webhook(world: World) -> Task:
    args = {
        "owner": world.owner,
        "repository": "{{ inventory_hostname }}",
        "url": f"https://{world.public_host()}/{{{{ inventory_hostname }}}}",
        "secret": world.secret("webhook secret"),
    }
    return Task("github_webhook", args)


def _asked(world: World, begun: int) -> Counter[str]:
    """What GitHub was asked since then, by method and the last word of the path that is no id."""
    found = []
    for entry in world.github.log.entries()[begun:]:
        words = [word for word in entry.path.split("/") if not word.isdigit()]
        found.append(f"{entry.method} {words[-1]}")
    return Counter(found)


def _secrets(world: World, before: set[str]) -> dict[str, str]:
    """The App's secrets: a line of its key, and every token that it was given."""
    made = set(world.github.state()["tokens"]) - before
    key = {"a line of the key": world.github.private_key.splitlines()[5]}
    return {**key, **world.canaries, **{f"token {number}": token for number, token in enumerate(sorted(made))}}


@pytest.mark.parametrize("path", PATHS)
def test_N05_all_workers_share_one_token_and_an_unchanged_webhook_costs_one_call(
    both: dict[str, World], tmp_path: Path, path: str
) -> None:
    world = both[path]
    before = set(world.github.state()["tokens"])
    hosts, task = _hosts(world, path), _webhook(world)
    with Playing(tmp_path, [play_of([task, task])], _env(world), hosts=hosts, arguments=["--forks", "4"]) as playing:
        begun = len(world.github.log.entries())
        made = playing.step_all()
        first = _asked(world, begun)
        world.github.settle()
        begun = len(world.github.log.entries())
        again = playing.step_all()
        second = _asked(world, begun)
        ended = playing.finish()
        found = search.found(search.run_places(playing), _secrets(world, before))
    assert [answer.msg for answer in [*made.values(), *again.values()] if answer.failed] == []
    assert [answer.changed for answer in made.values()] == [True] * REPOSITORIES
    assert [answer.changed for answer in again.values()] == [False] * REPOSITORIES
    assert {answer.result["webhook"]["ping"]["status_code"] for answer in made.values()} == {202}
    # A module is a process of its own and shares nothing: each needs a token.
    tokens = {IN_PROCESS: 1, MODULE: REPOSITORIES}[path]
    assert (first[MINT], first[FIND]) == (tokens, tokens)
    once_more = {IN_PROCESS: {}, MODULE: {MINT: REPOSITORIES, FIND: REPOSITORIES}}[path]
    assert second == {"GET hooks": REPOSITORIES, **once_more}
    assert found == []
    assert ended.code == 0


def test_a_token_of_the_lookup_is_shared_and_shows_nowhere(inside: World, tmp_path: Path) -> None:
    before = set(inside.github.state()["tokens"])
    lookup = "{{ lookup('aphex.platform.github_app_token', '%s', permissions={'repository_hooks': 'read'}) }}"
    args = {
        "owner": inside.owner,
        "repository": "{{ inventory_hostname }}",
        "github_token": lookup % inside.owner,
        "github_app_id": "",
    }
    task = Task("github_webhook_info", args)
    hosts = _hosts(inside, IN_PROCESS)
    begun = len(inside.github.log.entries())
    with Playing(tmp_path, [play_of([task, task])], _env(inside), hosts=hosts) as playing:
        answers = [*playing.step_all().values(), *playing.step_all().values()]
        found = search.found(search.run_places(playing), _secrets(inside, before))
        playing.finish()
    assert [answer.msg for answer in answers if answer.failed] == []
    asked = _asked(inside, begun)
    assert (asked[MINT], asked["GET hooks"]) == (1, 2 * REPOSITORIES)
    assert found == []


def test_a_task_that_wants_a_token_of_its_own_gives_it_back(inside: World, tmp_path: Path) -> None:
    before = set(inside.github.state()["tokens"])
    task = Task("github_webhook_info", {"owner": inside.owner, "github_revoke_token": True})
    begun = len(inside.github.log.entries())
    with Playing(tmp_path, [play_of([task, task])], _env(inside), hosts=_hosts(inside, IN_PROCESS)) as playing:
        ended = playing.finish()
    assert [answer.msg for answers in ended.answers for answer in answers.values() if answer.failed] == []
    asked = _asked(inside, begun)
    assert asked[MINT] == asked["DELETE token"] == 2 * REPOSITORIES
    assert set(inside.github.state()["tokens"]) == before
