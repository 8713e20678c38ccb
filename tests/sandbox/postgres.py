"""A PostgreSQL server on loopback, with data of its own.

In: nothing. Out: a connection string; the server, to be stopped and started again. Never here: a table.

The server refuses to run as root, so a root that runs tests lends it the rights of nobody. Its folder lies in the
machine's own folder for such, because nobody may not look into those of root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.sandbox.process import Process, answers, free_port
from tests.tools.postgres import postgres

USER = "gate"
DATABASE = "postgres"
PASSWORD = "canary-of-the-database"
_STARTS_WITHIN = 60.0
_STOPS_WITHIN = 10.0
_NOBODY = 65534


class Postgres:
    """The server; its data end with the ``with`` block."""

    def __init__(self) -> None:
        self._programs, env = postgres()
        self._env = {**os.environ, **env, "LC_ALL": "C.UTF-8"}
        self._folder = Path(tempfile.mkdtemp(prefix="aphex-postgres-"))
        self._data = self._folder / "data"
        self._process: Process | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """The connection string of its owner."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def log(self) -> Path:
        return self._folder / "server.log"

    def __enter__(self) -> Self:
        try:
            self._make()
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def start(self) -> None:
        """Start the server on its data, and wait until it listens."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "jit": "off",
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [*self._lent(), str(self._programs / "postgres"), "-D", str(self._data), *words]
        self._process = Process("postgres", command, self.log, self._env).start()
        self._process.wait_ready(lambda: answers(self.port), _STARTS_WITHIN)

    def stop(self) -> None:
        """Stop the server at once: sessions end in the middle of what they were at."""
        if self._process is not None and self._process.running:
            os.kill(self._process.pid, signal.SIGQUIT)
            self._process.stop(_STOPS_WITHIN)

    def _make(self) -> None:
        password = self._folder / "password"
        password.write_text(PASSWORD, encoding="ascii")
        words = ["-D", str(self._data), "-U", USER, "-A", "scram-sha-256", "--pwfile", str(password), "-E", "UTF8"]
        if os.geteuid() == 0:
            for path in (self._folder, password):
                os.chown(path, _NOBODY, _NOBODY)
        made = subprocess.run(
            [*self._lent(), str(self._programs / "initdb"), *words, "--no-sync"],
            capture_output=True,
            text=True,
            check=False,
            env=self._env,
            cwd=self._folder,
        )
        if made.returncode:
            raise RuntimeError(f"initdb: {made.stderr or made.stdout}")

    @staticmethod
    def _lent() -> list[str]:
        """Return what a command begins with so that it runs without the rights of root."""
        if os.geteuid():
            return []
        setpriv = shutil.which("setpriv") or "/usr/bin/setpriv"
        return [setpriv, f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--pdeathsig", "KILL", "--"]

    def _end(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
