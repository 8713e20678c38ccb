"""Who starts in which order.

In: names of parts and a folder. Out: those parts running, started side by side as far as their needs allow. Never
here: how a part works.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.sandbox import control_plane, crds
from tests.sandbox.argocd import ArgoCd
from tests.sandbox.cluster import Cluster, Reader
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.edge import Edge
from tests.sandbox.flux import Flux
from tests.sandbox.git_server import READ, GitServer
from tests.sandbox.kwok import Kwok
from tests.sandbox.standins.authentik import Authentik
from tests.sandbox.standins.cloudflare import BASE, Cloudflare
from tests.sandbox.standins.github import ORGANIZATIONS, GitHub
from tests.sandbox.standins.oidc import Oidc
from tests.sandbox.tekton import Tekton


@dataclass(frozen=True)
class Part:
    """`needs` must run as well; of those that start in the same go, `after` must be ready first.

    An `optional` part starts only for those who ask for it by its name.
    """

    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    optional: bool = False


PARTS = {
    "api_server": Part(),
    "crds": Part(needs=("control_plane",), after=("api_server",)),
    # Controllers look for new kinds every 30 s only: started after the kinds, garbage collection and quota know them.
    "control_plane": Part(needs=("api_server",), after=("api_server", "crds")),
    "kwok": Part(needs=("control_plane",), after=("control_plane",)),
    "tekton": Part(needs=("control_plane", "crds"), after=("crds", "kwok")),
    "flux": Part(needs=("control_plane",), after=("api_server",), optional=True),
    "argocd": Part(needs=("control_plane", "kwok"), after=("control_plane",), optional=True),
    "cloudflare": Part(),
    "edge": Part(needs=("control_plane", "cloudflare"), after=("api_server", "cloudflare")),
    # Its deliveries go through the edge.
    "github": Part(needs=("edge",), after=("edge",)),
    "git": Part(optional=True),
    "oidc": Part(optional=True),
    "authentik": Part(optional=True),
}
"""Every part, in an order in which they can start."""

ALL = tuple(name for name, part in PARTS.items() if not part.optional)
"""What starts when nobody says what."""

ZONE = "sandbox.example"
"""The zone that the Cloudflare stand-in has to begin with."""

TREE = "platform"
"""The repository that the Git server has to begin with; it is empty."""

OWN_TEKTON = "/apis/apps/v1/namespaces/tekton-pipelines/deployments/tekton-triggers-controller"
"""There in a given cluster with Tekton in it; the sandbox runs the controller as a process."""

OWN_FLUX = "/apis/apps/v1/namespaces/flux-system/deployments/notification-controller"
"""There in a given cluster with Flux in it."""

_PROGRAMS = {
    "kwok": ("kwok",),
    "tekton": ("tekton",),
    "flux": ("flux",),
    # Argo CD's repository server calls kustomize.
    "argocd": ("argocd", "kustomize"),
}


def with_needs(wanted: Iterable[str]) -> list[str]:
    """The wanted parts and all that they need, in an order in which they can start. Raises ValueError."""
    found: set[str] = set()

    def add(part: str) -> None:
        if part not in PARTS:
            raise ValueError(f"there is no part {part!r}; the parts are {', '.join(PARTS)}")
        if part not in found:
            found.add(part)
            for need in PARTS[part].needs:
                add(need)

    for part in wanted:
        add(part)
    return [part for part in PARTS if part in found]


def families(parts: Iterable[str]) -> list[str]:
    """The Go programs that these parts run, to be built before anything starts."""
    needed = with_needs(parts)
    first = control_plane.families() if "api_server" in needed else []
    return [*first, *(family for part in needed for family in _PROGRAMS.get(part, ()))]


@dataclass
class Stack:
    """The running parts of one sandbox; lives in its supervisor."""

    folder: Path
    emulated_version: str | None = None
    say: Callable[[str], None] = print
    running: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._control_plane = ControlPlane(self.folder, self.emulated_version, self.say)
        self._kwok: Kwok | None = None
        self._tekton: Tekton | None = None
        self._flux: Flux | None = None
        self._argocd: ArgoCd | None = None
        self._cloudflare: Cloudflare | None = None
        self._edge: Edge | None = None
        self._github: GitHub | None = None
        self._git: GitServer | None = None
        self._oidc: Oidc | None = None
        self._authentik: Authentik | None = None

    @property
    def cluster(self) -> Cluster:
        return self._control_plane.cluster

    def start(self, wanted: Iterable[str]) -> None:
        """Start what of these does not run yet. Raises what the first failing part raised."""
        missing = [part for part in with_needs(wanted) if part not in self.running]
        futures: dict[str, Future[None]] = {}
        with ThreadPoolExecutor(max_workers=max(1, len(missing))) as pool:
            for part in missing:
                # All of these stand before it in the order of PARTS.
                first = [futures[other] for other in PARTS[part].after if other in futures]
                futures[part] = pool.submit(self._start_part, part, first)
        for future in futures.values():
            future.result()

    def stop(self) -> None:
        """Stop everything, also what a failed start has left half done, in the opposite order."""
        standins = (self._authentik, self._oidc, self._git, self._github, self._edge, self._cloudflare)
        for part in (*standins, self._argocd, self._flux, self._tekton, self._kwok, self._control_plane):
            if part is not None:
                part.stop()
        self.running.clear()

    def env(self) -> dict[str, str]:
        """What a process outside wants to know, by the names that the product and its tests read."""
        env: dict[str, str] = {}
        if "api_server" in self.running:
            kubeconfig = str(self.cluster.kubeconfig)
            env |= {"KUBECONFIG": kubeconfig, "K8S_AUTH_KUBECONFIG": kubeconfig}
        if self._cloudflare and "cloudflare" in self.running:
            env |= {
                "CLOUDFLARE_API_URL": f"{self._cloudflare.url}{BASE}",
                "CLOUDFLARE_API_TOKEN": self._cloudflare.token,
                "CLOUDFLARE_ACCOUNT_ID": self._cloudflare.account_id,
                "APHEX_SANDBOX_CLOUDFLARE": self._cloudflare.url,
                "APHEX_SANDBOX_ZONE": ZONE,
            }
        if self._flux and "flux" in self.running:
            env["APHEX_FLUX_METRICS"] = self._flux.metrics_url
        if self._edge and "edge" in self.running:
            env["APHEX_EDGE_URL"] = self._edge.url
        if self._github and "github" in self.running:
            # The App stands beside the token and not in its place: a task takes one of them.
            env |= {
                "GITHUB_API_URL": self._github.url,
                "GITHUB_TOKEN": self._github.token,
                "APHEX_SANDBOX_GITHUB": self._github.url,
                "APHEX_SANDBOX_GITHUB_APP_ID": str(self._github.app_id),
                "APHEX_SANDBOX_GITHUB_APP_KEY_FILE": str(self._app_key),
            }
        if self._git and "git" in self.running:
            env |= {
                "GIT_TOKEN": self._git.token,
                "APHEX_SANDBOX_GIT": self._git.url,
                "APHEX_SANDBOX_GIT_TOKEN": self._git.token,
                "APHEX_SANDBOX_GIT_READ_TOKEN": self._git_reader,
                "APHEX_SANDBOX_GIT_FOLDER": str(self._git.folder),
                "APHEX_SANDBOX_TREE": self._git.url_of(TREE),
            }
        if self._oidc and "oidc" in self.running:
            env |= {"APHEX_SANDBOX_OIDC": self._oidc.url, "APHEX_SANDBOX_OIDC_CA": str(self._oidc.ca)}
        if self._authentik and "authentik" in self.running:
            env |= {"AUTHENTIK_URL": self._authentik.url, "AUTHENTIK_TOKEN": self._authentik.token}
        return env

    def address(self, namespace: str, service: str, port: int) -> tuple[str, int] | None:
        """Where on loopback the process behind that port of that Service listens; None when there is none."""
        found = self.cluster.api.find(f"/api/v1/namespaces/{namespace}/services/{service}")
        if found is None or port not in [entry["port"] for entry in found["spec"]["ports"]]:
            return None
        flux = self._flux.address(namespace, service) if self._flux else None
        return flux or (self._tekton.listeners.address(namespace, service) if self._tekton else None)

    def _start_part(self, part: str, first: list[Future[None]]) -> None:
        for other in first:
            other.result()
        begin = time.monotonic()
        start: Callable[[], str] = getattr(self, f"_start_{part}")
        note = start()
        self.running.append(part)
        self.say(f"{part}: {note} ({time.monotonic() - begin:.1f} s)")

    def _start_api_server(self) -> str:
        self._control_plane.start_server()
        api = self.cluster.api
        return f"Kubernetes {control_plane.server_version(api)} at {api.server.url}"

    def _start_control_plane(self) -> str:
        self._control_plane.start_controllers()
        return "the cluster was given" if self._control_plane.given else "controller manager and scheduler work"

    def _start_crds(self) -> str:
        return crds.load(self.cluster.api)

    def _start_kwok(self) -> str:
        if self.cluster.api.list("/api/v1/nodes"):
            return "not needed, the cluster has nodes of its own"
        self._kwok = Kwok(self.cluster, self.say)
        return self._kwok.start()

    def _start_tekton(self) -> str:
        # Where kwok plays the nodes, no Deployment runs anything.
        if self._kwok is None and self.cluster.api.exists(OWN_TEKTON):
            return "not needed, the cluster runs its own"
        self._tekton = Tekton(self.cluster, self.say)
        return self._tekton.start()

    def _start_flux(self) -> str:
        if self._kwok is None and self.cluster.api.exists(OWN_FLUX):
            return "not needed, the cluster runs its own"
        self._flux = Flux(self.cluster, self.say)
        return self._flux.start()

    def _start_argocd(self) -> str:
        if self._control_plane.given:
            return "not needed, the nodes of the cluster run its programs"
        self._argocd = ArgoCd(self.cluster, self.say)
        return self._argocd.start()

    def _start_cloudflare(self) -> str:
        self._cloudflare = Cloudflare().start()
        self._cloudflare.add_zone(ZONE)
        return f"stand-in at {self._cloudflare.url}, zone {ZONE}"

    def _start_edge(self) -> str:
        if self._cloudflare is None:
            raise RuntimeError("the edge was started before what it is the edge of")
        self._edge = Edge(self._cloudflare, Reader(self.cluster.api), self.address).start()
        return f"public hosts answer at {self._edge.url} (by their Host header)"

    def _start_github(self) -> str:
        if self._edge is None:
            raise RuntimeError("GitHub was started before the edge, through which it delivers")
        self._github = GitHub(deliver_to=self._edge.url).start()
        self._app_key.touch(mode=0o600)
        self._app_key.write_text(self._github.private_key, encoding="ascii")
        return f"stand-in at {self._github.url}, owners {', '.join(ORGANIZATIONS)}"

    def _start_git(self) -> str:
        self._git = GitServer(self.folder / "git").start()
        self._git_reader = self._git.add_token(READ)
        self._git.make(TREE)
        return f"Git itself at {self._git.url}, repository {TREE}"

    def _start_oidc(self) -> str:
        self._oidc = Oidc(self.folder / "oidc").start()
        return f"stand-in of an issuer at {self._oidc.url}"

    def _start_authentik(self) -> str:
        self._authentik = Authentik().start()
        return f"stand-in at {self._authentik.url}"

    @property
    def _app_key(self) -> Path:
        return self.folder / "github-app.pem"
