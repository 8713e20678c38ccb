"""Runs that wait at an environment, and what lets them pass: custom protection rules of Apps, and reviewers.

In: runs that a test starts, calls that decide. Out: answers, and what is told to Apps. Never here: a workflow's steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.sandbox.standins.github.answers import Refused, not_found, nothing, ok, page
from tests.sandbox.standins.github.endpoints import Call, Endpoint
from tests.sandbox.standins.github.environments import EVENT, READ, REPO, Environments
from tests.sandbox.standins.github.payloads import commit, where
from tests.sandbox.standins.github.places import App, Owner, Places, Repository
from tests.sandbox.standins.github.runs import Deployment, Review, Run
from tests.sandbox.standins.server import Answer, Clock

LONGEST_COMMENT, MOST_COMMENTS = 1024, 10
NOTHING_PENDING = "No pending deployment requests to approve or reject"
ALREADY = "Deployment protection rule has already been reviewed"
TROUBLE = "There was a problem approving one of the gates"

Tell = Callable[[App, Repository, dict[str, Any]], str]
"""Send an event of that payload to the webhook of an App, and return its GUID."""


class Deployments:
    """Every run. ``trouble`` is how many of the next decisions end in the race that GitHub has between reviews."""

    def __init__(self, clock: Clock, places: Places, environments: Environments, tell: Tell) -> None:
        self.trouble = 0
        self._clock = clock
        self._places = places
        self._environments = environments
        self._tell = tell
        self._runs: dict[int, Run] = {}

    def endpoints(self) -> Iterator[Endpoint]:
        runs = "/repos/{owner}/{repo}/actions/runs"
        run, deployments = f"{runs}/{{run_id}}", "/repos/{owner}/{repo}/deployments"
        may_read, may_write = "deployments:read", "deployments:write"
        yield Endpoint("GET", runs, self._list, READ, REPO)
        yield Endpoint("GET", run, self._get, READ, REPO)
        yield Endpoint("GET", f"{run}/approvals", self._approvals, READ, REPO)
        yield Endpoint("GET", f"{run}/pending_deployments", self._pending, READ, REPO)
        yield Endpoint("POST", f"{run}/pending_deployments", self._review, may_write, REPO)
        yield Endpoint("POST", f"{run}/deployment_protection_rule", self._decide, may_write, REPO)
        yield Endpoint("GET", deployments, self._list_deployments, may_read, REPO)
        yield Endpoint("GET", f"{deployments}/{{deployment_id}}/statuses", self._statuses, may_read, REPO)

    def start(
        self,
        repository: Repository,
        actor: Owner,
        base: str,
        environments: list[str],
        event: str = "push",
        branch: str = "",
        sha: str | None = None,
        path: str = ".github/workflows/deploy.yml",
        jobs: int = 1,
        head: Repository | None = None,
    ) -> Run:
        """Start a run whose jobs deploy there, ``jobs`` to each; Apps with a rule on the environment are asked.

        ``head`` is the fork whose commit it is.
        """
        ref, now = branch or repository.default_branch, self._now()
        number = 12_000_000_000 + self._places.next_id()
        run = Run(number, repository, event, ref, sha or commit(), path, actor, now, head=head)
        self._runs[run.id] = run
        for name in environments:
            for _job in range(jobs):
                self._reach(run, name, base)
        run.settle()
        return run

    def go_on(self, number: int, environment: str, base: str) -> Deployment:
        """Let a later job of a run reach an environment, maybe one that an earlier job has passed."""
        run = self._runs[number]
        made = self._reach(run, environment, base)
        run.settle()
        return made

    def cancel(self, number: int) -> None:
        """Cancel a run: nothing of it is pending any more."""
        run = self._runs[number]
        for deployment in run.pending():
            deployment.become("inactive", self._now())
        run.conclusion = "cancelled"
        run.settle()

    def report(self, deployment_id: int, state: str) -> None:
        """Let a deployment have another status, as its workflow or a later deployment brings about."""
        every = (made for run in self._runs.values() for made in run.deployments)
        next(made for made in every if made.id == deployment_id).become(state, self._now())

    def remark(self, number: int, environment: str, login: str) -> None:
        """Let a person say something to an environment of a run without a decision: GitHub calls that pending."""
        run = self._runs[number]
        place = self._environments.make(run.repository, environment)
        run.reviews.append(Review((place,), "pending", self._places.owners[login.lower()], "a remark"))

    def delete(self, number: int) -> None:
        """Delete a run: nobody finds it any more."""
        del self._runs[number]

    def state(self) -> list[dict[str, Any]]:
        return [
            {
                "id": run.id,
                "repository": run.repository.full_name,
                "status": run.status,
                "conclusion": run.conclusion,
                "deployments": [
                    {"id": each.id, "environment": each.environment.name, "state": each.state}
                    for each in run.deployments
                ],
                "reviews": [
                    {"state": review.state, "user": review.user.login, "comment": review.comment}
                    for review in run.reviews
                ],
            }
            for run in self._runs.values()
        ]

    # Reading

    def _list(self, call: Call) -> Answer:
        wanted = {name: call.request.argument(name) for name in ("status", "head_sha", "event", "branch")}
        found = [run for run in self._runs.values() if run.repository is call.repository and _fits(run, wanted)]
        newest = sorted(found, key=lambda run: run.id, reverse=True)
        return page([run.view(call.base) for run in newest], call.request, call.base, "workflow_runs")

    def _get(self, call: Call) -> Answer:
        return ok(self._found(call).view(call.base))

    def _approvals(self, call: Call) -> Answer:
        return ok([review.view(call.base) for review in self._found(call).reviews])

    def _pending(self, call: Call) -> Answer:
        run = self._found(call)
        waiting = {deployment.environment.id: deployment.environment for deployment in run.pending()}
        return ok(
            [
                {
                    "environment": environment.short(call.base),
                    "wait_timer": environment.wait_timer,
                    "wait_timer_started_at": run.created_at if environment.wait_timer else None,
                    "current_user_can_approve": ("User", call.caller.user.id) in environment.reviewers,
                    "reviewers": self._environments.reviewers(environment, call.base),
                }
                for environment in waiting.values()
            ]
        )

    def _list_deployments(self, call: Call) -> Answer:
        found = [
            made.view(run, call.base)
            for run in self._runs.values()
            for made in run.deployments
            if run.repository is call.repository
        ]
        for name in ("sha", "ref", "task", "environment"):
            value = call.request.argument(name)
            found = [item for item in found if value in (None, "none", item[name])]
        return page(found[::-1], call.request, call.base)

    def _statuses(self, call: Call) -> Answer:
        for run in self._runs.values():
            for made in run.deployments:
                if run.repository is call.repository and made.id == call.number("deployment_id"):
                    return page(made.statuses(run, call.base), call.request, call.base)
        raise not_found()

    # Deciding

    def _decide(self, call: Call) -> Answer:
        """An App decides its own rule, or comments on it; one request acts on all that waits for it there."""
        token = call.caller.token
        if token is None or token.installation is None:
            raise Refused(403, "Resource not accessible by personal access token")
        run, app, body = self._found(call), token.installation.app, call.body
        state, comment = body.get("state"), body.get("comment")
        _check_review(body, state, comment)
        name = str(body["environment_name"]).lower()
        there = [made for made in run.deployments if made.environment.name.lower() == name]
        if not there:
            raise _refused(f"Environment {body['environment_name']} is not part of this run")  # not documented
        waiting = [made for made in there if made.pending and app in made.waits_for]
        if not waiting:
            reviewed = any(made.pending and app.id in made.decided for made in there)
            raise _refused(ALREADY if reviewed else NOTHING_PENDING)
        if self.trouble > 0:
            self.trouble -= 1
            raise _refused(TROUBLE)
        if state is None:
            _note(waiting, app)
        else:
            for made in waiting:
                _decided(made, app, state, self._now())
            run.settle()
        said = Review((waiting[0].environment,), state or "pending", call.caller.user, comment or "")
        run.reviews.append(said)
        return nothing()

    def _review(self, call: Call) -> Answer:
        """A person reviews; Apps cannot."""
        token = call.caller.token
        if token is not None and token.installation is not None:
            raise Refused(403, "Resource not accessible by integration")
        run, body = self._found(call), call.body
        wanted, state = body.get("environment_ids"), body.get("state")
        if not isinstance(wanted, list) or state not in ("approved", "rejected") or "comment" not in body:
            raise _refused("Invalid request")
        chosen = [made for made in run.pending() if made.people and made.environment.id in wanted]
        if not chosen:
            raise _refused(NOTHING_PENDING)
        for made in chosen:
            made.people = False
            _settled(made, state, self._now())
        run.settle()
        places = {made.environment.id: made.environment for made in chosen}
        run.reviews.append(Review(tuple(places.values()), state, call.caller.user, str(body["comment"])))
        return ok([made.view(run, call.base) for made in chosen])

    def _reach(self, run: Run, name: str, base: str) -> Deployment:
        """Let a job reach an environment: it waits there for reviewers, and for Apps, which are asked."""
        environment = self._environments.make(run.repository, name)
        waits_for, people = list(environment.rules.values()), bool(environment.reviewers)
        made = Deployment(4_000_000_000 + self._places.next_id(), environment, waits_for, people, self._now())
        made.become("waiting" if waits_for or people or environment.wait_timer else "success", self._now())
        run.deployments.append(made)
        for app in list(waits_for):
            self._tell(app, run.repository, _request(run, made, base))
        return made

    def _found(self, call: Call) -> Run:
        run = self._runs.get(call.number("run_id"))
        if run is None or run.repository is not call.repository:
            raise not_found()
        return run

    def _now(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _request(run: Run, deployment: Deployment, base: str) -> dict[str, Any]:
    """Return what an App is told when its rule is asked. There is no run id but the one in the address."""
    here = f"{base}/repos/{run.repository.full_name}"
    return {
        "action": "requested",
        "environment": deployment.environment.name,
        "event": run.event,
        "sha": run.head_sha,
        "ref": run.head_branch,
        "deployment_callback_url": f"{here}/actions/runs/{run.id}/{EVENT}",
        "deployment": deployment.view(run, base),
        "pull_requests": [],
        **where(run.repository, run.actor, base),
    }


def _fits(run: Run, wanted: dict[str, str | None]) -> bool:
    shown = {"head_sha": run.head_sha, "event": run.event, "branch": run.head_branch}
    states = (None, run.status, run.conclusion)
    return wanted["status"] in states and all(wanted[name] in (None, value) for name, value in shown.items())


def _check_review(body: dict[str, Any], state: object, comment: object) -> None:
    """Raise unless the body is a decision or a comment."""
    if not isinstance(body.get("environment_name"), str):
        raise _refused("environment_name is missing")  # not documented
    if state not in (None, "approved", "rejected") or (state is None and not isinstance(comment, str)):
        raise _refused("state must be approved or rejected, or there must be a comment")  # not documented
    if isinstance(comment, str) and len(comment) > LONGEST_COMMENT:
        raise _refused(f"Comment is too long (maximum is {LONGEST_COMMENT} characters)")


def _note(waiting: list[Deployment], app: App) -> None:
    """Count a comment without a decision. Raises Refused when there were too many."""
    if any(made.comments.get(app.id, 0) >= MOST_COMMENTS for made in waiting):
        raise _refused(f"A deployment has at most {MOST_COMMENTS} status reports")  # not documented
    for made in waiting:
        made.comments[app.id] = made.comments.get(app.id, 0) + 1


def _decided(made: Deployment, app: App, state: str, now: str) -> None:
    made.waits_for.remove(app)
    made.decided.add(app.id)
    _settled(made, state, now)


def _settled(made: Deployment, state: str, now: str) -> None:
    """A rejection ends it; an approval does when nothing else is waited for."""
    if state == "rejected":
        made.become("failure", now)
    elif not made.waits_for and not made.people:
        made.become("success", now)


def _refused(message: str) -> Refused:
    return Refused(422, message)
