"""Does the role install what was pinned, run it with what was asked for, and go on after anything that stops it?

k3s and systemd are stand-ins, and a folder is the machine's root, so nothing here says that a server would run. The
files of the release come from a server on loopback, checked by the role as any other.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from tests.integration.machine import Machine, Run
from tests.sandbox.standins.commands import CANARY

VERSION, NEXT, AFTER_NEXT = "v1.35.8+k3s1", "v1.36.4+k3s1", "v1.37.0+k3s1"
IMAGES = "k3s-airgap-images-amd64.tar.zst"
SUMS = "sha256sum-amd64.txt"
PROGRAM = "usr/local/bin/k3s"
UNIT = "etc/systemd/system/k3s.service"
HOSTS = "127.0.0.1 localhost\n"

_AUTHENTICATION = """\
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
anonymous: {enabled: false}
jwt:
  - issuer: {url: "https://dex.example.org", audiences: ["kubernetes"]}
    claimMappings: {username: {claim: email, prefix: "oidc:"}}
"""


class Releases:
    """A server of releases: files by version and name. What is in `cut` ends in the middle."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.asked: list[str] = []
        releases = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = unquote(self.path).lstrip("/")
                releases.asked.append(path)
                content = releases.files.get(path)
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write((content or b"")[: 20 if path in releases.cut else None])

            def log_message(self, *said: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, version: str, program: str) -> dict[str, str]:
        """Make a release; the checksums of its files."""
        files = {"k3s": program.encode(), IMAGES: f"images of {version}".encode()}
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files[SUMS] = "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode()
        self.files |= {f"{version}/{name}": content for name, content in files.items()}
        return sums

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Server(Machine):
    """A machine for k3s, with releases to install."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.commands.install("systemctl", str(self.root))
        for path in (PROGRAM, UNIT):
            (self.root / path).parent.mkdir(parents=True)
        self.releases = Releases()
        self.sums = {
            version: self.releases.add(version, self.commands.script("k3s", version))
            for version in (VERSION, NEXT, AFTER_NEXT)
        }
        self.kubeconfig = folder / "kubeconfig"
        self.given: dict[str, Any] = {
            "cluster_k3s_root": str(self.root),
            "cluster_k3s_url": self.releases.url,
            "cluster_k3s_version": VERSION,
            "cluster_k3s_checksums": self.sums[VERSION],
            "cluster_k3s_kubeconfig": str(self.kubeconfig),
            "cluster_k3s_server": "k3s.example.org",
            "cluster_k3s_minimum_disk": 0,
            "cluster_k3s_minimum_memory": 0,
            "cluster_k3s_wait": 0,
        }

    def of(self, version: str, **more: Any) -> dict[str, Any]:
        """The inputs for a version."""
        return {
            **self.given,
            "cluster_k3s_version": version,
            "cluster_k3s_checksums": self.sums[version],
            **more,
        }

    def trust(self, text: str = _AUTHENTICATION) -> dict[str, str]:
        """The inputs for an issuer."""
        path = self.folder / "authentication.yaml"
        path.write_text(text, encoding="utf-8")
        return {
            "cluster_k3s_authentication_config": str(path),
            "cluster_k3s_issuer_host": "dex.example.org",
        }

    @property
    def starts(self) -> int:
        return int(self.commands.state().get("starts", 0))

    @property
    def config(self) -> dict[str, Any]:
        """k3s' configuration."""
        found: dict[str, Any] = yaml.safe_load(self.text("etc/rancher/k3s/config.yaml"))
        return found

    def installed(self) -> list[str]:
        """What of the release is on the machine."""
        return [path for path in self.files() if path in (PROGRAM, UNIT) or path.endswith(f"agent/images/{IMAGES}")]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.releases.close()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Run]]:
    """A machine on which the role was run once, and that run."""
    made = Server(tmp_path_factory.mktemp("k3s"))
    made.given |= {
        "cluster_k3s_environment": {"HTTPS_PROXY": "http://user:canary-of-a-proxy@proxy.example.org"},
        "cluster_k3s_registries": {"configs": {"r.example.org": {"auth": {"password": "canary-of-a-mirror"}}}},
    }
    (made.root / "etc/hosts").write_text(HOSTS, encoding="utf-8")
    run = made.play("cluster_k3s", "--diff", "-vvv", **made.given, **made.trust())
    assert run.changed > 0
    made.remember()
    yield made, run
    made.releases.close()


@pytest.fixture
def running(first: tuple[Server, Run]) -> Server:
    """The machine as it was after that run."""
    first[0].go_back()
    first[0].releases.asked.clear()
    return first[0]


def test_check_mode_writes_nothing(server: Server) -> None:
    assert server.play("cluster_k3s", "--check", "--diff", **server.given, **server.trust()).changed > 0
    assert (server.files(), server.releases.asked, server.commands.state()) == ({}, [], {})


def test_the_preflight_alone_passes_on_a_machine_that_fits_and_writes_nothing(server: Server) -> None:
    assert server.play("cluster_k3s", tasks_from="preflight", **server.given, **server.trust()).changed == 0
    assert (server.files(), server.releases.asked, server.commands.state()) == ({}, [], {})


def test_the_first_run_installs_shows_no_secret_and_the_second_changes_nothing(
    running: Server, first: tuple[Server, Run]
) -> None:
    server = running
    shown = first[1].output
    assert [word for word in (CANARY, "canary-of-a-mirror", "canary-of-a-proxy") if word in shown] == []
    assert server.starts == 1
    assert server.commands.state()["enabled"]
    secret = ["etc/rancher/k3s/config.yaml", "etc/rancher/k3s/registries.yaml", f"{UNIT}.env"]
    assert [server.mode(path) for path in secret] == [0o600] * 3
    assert server.mode(PROGRAM) == 0o755
    assert (server.config["write-kubeconfig-mode"], server.config["secrets-encryption"]) == ("0600", True)
    assert server.config["disable"] == ["traefik"]
    kubeconfig = yaml.safe_load(server.kubeconfig.read_text(encoding="utf-8"))
    assert kubeconfig["clusters"][0]["cluster"]["server"] == "https://k3s.example.org:6443"
    assert server.kubeconfig.stat().st_mode & 0o777 == 0o600
    before = server.files()
    assert server.play("cluster_k3s", **server.given, **server.trust()).changed == 0
    assert (server.files(), server.releases.asked, server.starts) == (before, [], 1)


def test_P11_the_api_server_trusts_the_issuer_finds_it_and_lets_nobody_in_without_a_name(running: Server) -> None:
    server = running
    before = server.files()
    refused = server.play(
        "cluster_k3s", **server.given, **server.trust(_AUTHENTICATION.replace("false", "true"))
    ).refused
    assert "does not forbid anonymous requests" in refused
    assert server.files() == before
    path = f"{server.root}/etc/rancher/k3s/authentication.yaml"
    assert server.config["kube-apiserver-arg"] == [f"authentication-config={path}"]
    assert server.text("etc/rancher/k3s/authentication.yaml") == _AUTHENTICATION
    assert "10.43.0.80 dex.example.org\n" in server.text("etc/hosts")
    # A changed trust is read by the API server itself: nothing is restarted.
    changed = server.play("cluster_k3s", **server.given, **server.trust(_AUTHENTICATION + "# changed\n"))
    assert (changed.changed, server.starts) == (1, 1)


@pytest.mark.parametrize("broken", ["k3s", IMAGES])
def test_S13_a_file_that_is_not_the_releases_is_refused_and_nothing_is_installed(server: Server, broken: str) -> None:
    server.releases.files[f"{VERSION}/{broken}"] += b"# and something else\n"
    said = server.play("cluster_k3s", **server.given).refused
    assert "did not match" in said
    assert server.sums[VERSION][broken] in said
    assert (server.installed(), server.starts) == ([], 0)


def test_S13_half_a_download_installs_nothing_and_the_next_run_goes_on(server: Server) -> None:
    server.releases.cut.add(f"{VERSION}/{IMAGES}")
    assert server.play("cluster_k3s", **server.given).code != 0
    assert (server.installed(), server.starts) == ([], 0)
    server.releases.cut.clear()
    server.releases.asked.clear()
    assert server.play("cluster_k3s", **server.given).changed > 0
    assert server.releases.asked == [f"{VERSION}/{IMAGES}"]
    assert [path for path in server.files() if "aphex-platform" in path] == [
        "var/lib/aphex-platform/k3s/started.sha256"
    ]


def test_S13_a_release_that_nobody_pinned_is_checked_by_its_own_list(server: Server) -> None:
    given = {**server.given, "cluster_k3s_checksums": {}}
    assert server.play("cluster_k3s", **given).changed > 0
    assert server.releases.asked[0] == f"{VERSION}/{SUMS}"
    # One that the collection pins is not asked for its own word.
    server.releases.asked.clear()
    said = server.play("cluster_k3s", **{**given, "cluster_k3s_version": NEXT}).refused
    assert "did not match" in said
    assert f"{NEXT}/{SUMS}" not in server.releases.asked


def test_S13_a_folder_takes_the_place_of_the_network(server: Server) -> None:
    folder = server.folder / "airgap"
    folder.mkdir()
    for name in ("k3s", IMAGES, SUMS):
        (folder / name).write_bytes(server.releases.files[f"{VERSION}/{name}"])
    given = {**server.given, "cluster_k3s_airgap_folder": str(folder), "cluster_k3s_url": "http://127.0.0.1:1"}
    (folder / "k3s").write_bytes(b"something else")
    assert "has the sha256" in server.play("cluster_k3s", **given).refused
    assert server.installed() == []
    (folder / "k3s").unlink()
    assert "airgap/k3s is not there" in server.play("cluster_k3s", **given).refused
    (folder / "k3s").write_bytes(server.releases.files[f"{VERSION}/k3s"])
    assert server.play("cluster_k3s", **{**given, "cluster_k3s_checksums": {}}).changed > 0
    assert server.releases.asked == []


def test_a_raised_version_upgrades_and_others_are_refused(running: Server) -> None:
    server = running
    assert "Upgrade one minor at a time" in server.play("cluster_k3s", **server.of(AFTER_NEXT)).refused
    assert server.starts == 1
    assert server.play("cluster_k3s", **server.of(NEXT)).changed > 0
    assert (NEXT in server.commands.state()["running"][PROGRAM], server.starts) == (True, 2)
    assert server.files()[f"var/lib/rancher/k3s/agent/images/{IMAGES}"] == f"images of {NEXT}".encode()
    assert "an older one cannot read" in server.play("cluster_k3s", **server.given).refused


def test_a_run_that_was_killed_before_the_restart_is_finished_by_the_next(running: Server) -> None:
    server = running
    changed = {**server.given, "cluster_k3s_config": {"node-label": ["aphex=yes"]}}
    server.play_until(lambda: "aphex=yes" in server.text("etc/rancher/k3s/config.yaml"), "cluster_k3s", **changed)
    assert server.play("cluster_k3s", **changed).code == 0
    started = json.dumps(server.commands.state()["running"])
    assert "aphex=yes" in started


def test_a_server_that_does_not_start_is_said_and_started_by_the_next_run(server: Server) -> None:
    server.commands.put(start_fails=True)
    assert "Job for k3s.service failed" in server.play("cluster_k3s", **server.given).refused
    server.commands.put(start_fails=False)
    assert server.play("cluster_k3s", **server.given).changed > 0
    assert server.starts == 1


def test_absent_leaves_nothing_of_it(running: Server) -> None:
    server = running
    absent = {**server.given, "cluster_k3s_state": "absent"}
    before = server.files()
    assert server.play("cluster_k3s", "--check", **absent).changed > 0
    assert server.files() == before
    assert server.play("cluster_k3s", **absent).changed > 0
    assert server.files() == {"etc/hosts": HOSTS.encode()}
    assert not server.commands.state()["active"]
    assert not server.kubeconfig.exists()
    assert server.play("cluster_k3s", **absent).changed == 0


def test_what_is_wrong_is_said_before_anything_is_written(server: Server) -> None:
    wrong: dict[str, dict[str, Any]] = {
        "is no release": {"cluster_k3s_version": "latest"},
        "Kubernetes 1.33 or newer": {"cluster_k3s_version": "v1.32.9+k3s1"},
        "is no sha256": {"cluster_k3s_checksums": {"k3s": "abc"}},
        "has no nvidia-container-runtime": {"cluster_k3s_gpu": "nvidia"},
        "MiB of memory": {"cluster_k3s_minimum_memory": 100_000_000},
        "GiB free": {"cluster_k3s_minimum_disk": 1_000_000},
    }
    for words, given in wrong.items():
        assert words in server.play("cluster_k3s", **{**server.given, **given}).refused
    assert (server.files(), server.releases.asked) == ({}, [])
    unit = server.root / UNIT
    unit.write_text("[Service]\n", encoding="utf-8")
    assert "that this role did not install" in server.play("cluster_k3s", **server.given).refused
