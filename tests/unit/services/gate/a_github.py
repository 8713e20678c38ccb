"""A GitHub stand-in with an App's webhook and rule, and the product's own connection to it, for tests of the gate.

In: nothing. Out: a stand-in whose clock is everybody's, a listener that can fail. Never here: a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.retry import Backoff
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._github.app_auth import App as GitHubApp
from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client
from services.gate.config import App
from tests.sandbox.standins.github import GitHub
from tests.unit.sandbox.github_client import SECRET, Origin

REPOSITORY = "acme-corp/web-shop"
APP = "main"


@dataclass
class There:
    """GitHub, and who listens to its deliveries: ``listener.code`` is what that answers."""

    github: GitHub
    listener: Origin

    def now(self) -> float:
        """The time at GitHub, which is that of everybody here."""
        return self.github.clock.now().timestamp()

    def start(self, *environments: str, **more: Any) -> int:
        """Start a run, and wait until its deliveries have ended; returns its id."""
        run = self.github.start_run(REPOSITORY, list(environments or ("production",)), **more)
        self.github.settle()
        return int(run["id"])

    def lines(self) -> list[dict[str, Any]]:
        """Return the App's deliveries, the oldest first."""
        self.github.settle()
        return list(reversed(self.github.log_of(self.github.app_id)))

    def asked(self, part: str, method: str = "GET") -> int:
        """Return how many requests had that in their path."""
        return sum(part in entry.path and entry.method == method for entry in self.github.log.entries())

    def app(self) -> App:
        return App(APP, str(self.github.app_id), "key.pem", (), self.github.url)

    def connect(self) -> Client:
        runtime = Runtime(now=self.now)
        key = Sensitive(self.github.private_key)
        app = GitHubApp(app_id=str(self.github.app_id), key=key, runtime=runtime, url=self.github.url)
        return Client(
            runtime=runtime,
            app=app,
            url=self.github.url,
            backoff=Backoff(attempts=1),
            sleep=lambda _seconds: None,
        )


@contextmanager
def there(*environments: str) -> Iterator[There]:
    """A GitHub whose App has a rule on these environments, and hears of what happens."""
    with Origin() as listener, GitHub(deliver_to=listener.url) as github:
        github.hook_app(f"https://gate.example.com/webhook/{APP}", SECRET)
        for name in environments or ("production",):
            github.guard(REPOSITORY, name)
        yield There(github, listener)
