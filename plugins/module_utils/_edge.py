# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where Ansible ends: an entry point, its params made plain, its answer made a task result.

In: a module's ENTRY_POINT and its checked arguments. Out: the task result as a dict; a Failure becomes one sentence.
Never here: a word of tenancy. This and ``_options.py`` are the only files below the modules that know Ansible.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import getpass
import hashlib
import os
import socket
import tempfile
import time
import traceback
import typing as t
from dataclasses import dataclass, field

from ansible.module_utils.basic import AnsibleModule

from ._core.failure import Failure, Kind, invalid, known
from ._core.plan import without_unknown
from ._core.reconcile import NoCache, Product, Run, Runtime, UseCase, reconcile
from ._core.sensitive import Sensitive, redact

ENGLISH = {"LC_ALL": "C", "LANGUAGE": "C"}
NO_SUCH_COMMAND = 127

Params = dict[str, t.Any]
Products = t.Mapping[str, t.Any]


class Connects(t.Protocol):
    """A product's class: it makes a light handle and sends nothing."""

    def connect(self, params: Params, runtime: Runtime) -> Product:
        """Return a handle for these params."""


@dataclass(frozen=True)
class EntryPoint:
    """One a module; the module and the action plugin of the same name both use it.

    ``options`` is Ansible's argument spec, ``rules`` its constraints (``required_if`` and so on), ``products`` the
    classes to connect by name, ``libraries`` what must be importable. Either ``use_case`` (something is desired) or
    ``read`` (an ``_info`` module) makes the answer, which stands under ``result_key``.
    """

    options: dict[str, t.Any]
    products: dict[str, t.Any]
    result_key: str
    use_case: t.Callable[[Params, Products, Runtime], UseCase] | None = None
    read: t.Callable[[Params, Products, Runtime], t.Any] | None = None
    rules: dict[str, t.Any] = field(default_factory=dict)
    libraries: tuple[str, ...] = ()


def answer(entry_point: EntryPoint, params: Params, runtime: Runtime) -> dict[str, t.Any]:
    """Run the entry point and return the task result. Never raises: a traceback would print its cause (N3)."""
    try:
        with contextlib.ExitStack() as stack:
            stack.callback(_end, runtime)
            return _answer(entry_point, params, runtime)
    except Failure as failure:
        return refused(failure)
    except Exception as error:  # noqa: BLE001 - the last line before Ansible: what passes here prints its cause (N3)
        place = traceback.extract_tb(error.__traceback__)[-1]
        return {
            "failed": True,
            "changed": False,
            "msg": f"This is a fault of the collection: {type(error).__name__} in {os.path.basename(place.filename)} "
            f"line {place.lineno}. Please report it.",
            "failure": {"kind": "fault", "tried": place.name, "on": place.filename, "said": type(error).__name__},
        }


def _answer(entry_point: EntryPoint, params: Params, runtime: Runtime) -> dict[str, t.Any]:
    products = {name: product.connect(params, runtime) for name, product in entry_point.products.items()}
    if entry_point.read:
        return {"changed": False, entry_point.result_key: _shown(entry_point.read(params, products, runtime))}
    use_case = known(entry_point.use_case, "an entry point has a use case or a reader")(params, products, runtime)
    outcome = reconcile(use_case, products, runtime)
    return {
        "changed": outcome.plan.changed,
        "diff": outcome.plan.diff,
        "steps": [step.describe() for step in (outcome.plan.steps if runtime.check else outcome.done)],
        entry_point.result_key: _shown(use_case.result(outcome)),
    }


def _end(runtime: Runtime) -> None:
    for function in runtime.at_end:
        function()


def _shown(value: t.Any) -> t.Any:
    """Return a result's value: unknown is null, sensitive is masked unless the user asked to have it."""
    return redact(without_unknown(_unveil(value)))


def _unveil(value: t.Any) -> t.Any:
    if isinstance(value, Sensitive):
        return value.wanted()
    if isinstance(value, dict):
        return {key: _unveil(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_unveil(item) for item in value]
    return value


def plain(value: t.Any) -> t.Any:
    """Return a copy of exact JSON types, as a remote module would get them.

    In process, Ansible hands over tagged subclasses, dates and keys that are no text; libraries break on them (N2).
    """
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        # Of a subclass as well this is plain text, and nobody looks at each letter of what may be megabytes.
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, dict):
        return {_plain_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode()
    return str(value)


def _plain_key(key: t.Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return "null" if key is None else str(plain(key))


def conceal(params: Params, options: dict[str, t.Any]) -> Params:
    """Return the params with every ``no_log`` text as Sensitive; sub-options are followed."""
    answer_: Params = {}
    for name, value in params.items():
        spec = options.get(name, {})
        if spec.get("no_log"):
            answer_[name] = _concealed(value)
        elif spec.get("options") and isinstance(value, dict):
            answer_[name] = conceal(value, spec["options"])
        elif spec.get("options") and isinstance(value, list):
            answer_[name] = [conceal(item, spec["options"]) if isinstance(item, dict) else item for item in value]
        else:
            answer_[name] = value
    return answer_


def _concealed(value: t.Any) -> t.Any:
    """Return a value with every text in it as Sensitive; names of a mapping are none."""
    if isinstance(value, str):
        return Sensitive(value)
    if isinstance(value, dict):
        return {key: _concealed(item) for key, item in value.items()}
    return [_concealed(item) for item in value] if isinstance(value, list) else value


def identity() -> str:
    """Return who this process is, for locks and their refusals: ``user@host/pid``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}/{os.getpid()}"


def refused(failure: Failure) -> dict[str, t.Any]:
    """Return the task result of a failure: one sentence for people, a dict for programs."""
    return {"failed": True, "changed": False, "msg": failure.sentence(), "failure": failure.as_dict()}


def refused_arguments(said: str) -> dict[str, t.Any]:
    """Return the task result for arguments that Ansible's own check refuses; one shape on both paths."""
    return refused(invalid("checking the arguments", said))


@contextlib.contextmanager
def file_lock(folder: str, key: str) -> t.Iterator[None]:
    """Hold a lock of that name against every other process that uses the same folder."""
    path = os.path.join(folder, "aphex-" + hashlib.sha256(key.encode()).hexdigest()[:32] + ".lock")
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class MachineLocks(NoCache):
    """What a module shares with other modules of its user on the same machine: locks, and nothing else (N6)."""

    def lock(self, key: str) -> contextlib.AbstractContextManager[None]:
        """Hold a lock of that name against every other module of this user here."""
        folder = os.path.join(tempfile.gettempdir(), f"aphex-platform-{os.getuid()}")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.lstat(folder).st_uid != os.getuid():
            raise Failure(
                Kind.DENIED, tried="locking", on=folder, said="it belongs to somebody else", remedy="Remove it"
            )
        return file_lock(folder, key)


class _Module(AnsibleModule):  # type: ignore[misc]  # Ansible carries no types
    """Ansible's module class, which refuses arguments in our words and shows no document that it was given.

    A document may hold Secrets, or a kubeconfig's token; and nobody knows what an option that is none holds (N3).
    """

    def fail_json(self, msg: str, **result: t.Any) -> t.NoReturn:
        """End with a failure; one without our ``failure`` comes from Ansible's check of the arguments."""
        if "failure" in result:
            result = {**result, "msg": msg, "invocation": self._invocation()}
        else:
            result = {**refused_arguments(msg), "invocation": {"module_args": {}}}
        super().fail_json(**result)
        raise SystemExit(1)

    def exit_json(self, **result: t.Any) -> t.NoReturn:
        """End with an answer."""
        super().exit_json(**{**result, "invocation": self._invocation()})
        raise SystemExit(0)

    def _log_invocation(self) -> None:
        """Leave the arguments out of the system's log: the controller has its own."""

    def _invocation(self) -> Params:
        """Return the arguments as ``-vvv`` prints them."""
        return {"module_args": without_documents(self.params, self.argument_spec)}


def without_documents(params: Params, options: dict[str, t.Any]) -> Params:
    """Return the params without the values of ``raw`` options, and of what is no option; sub-options are followed."""
    return {name: _without_documents(value, options.get(name)) for name, value in params.items()}


def _without_documents(value: t.Any, spec: dict[str, t.Any] | None) -> t.Any:
    if value is None:
        return None
    if spec is None or spec.get("type") == "raw":
        return "(not shown)"
    inner = spec.get("options")
    if inner and isinstance(value, dict):
        return without_documents(value, inner)
    if inner and isinstance(value, list):
        return [without_documents(item, inner) if isinstance(item, dict) else item for item in value]
    return value


def runner(module: AnsibleModule) -> Run:
    """Return what runs a command where this module runs."""

    def run(
        argv: t.Sequence[str], *, env: t.Mapping[str, str] | None = None, data: str | None = None
    ) -> tuple[int, str, str]:
        try:
            code, out, err = module.run_command(
                list(argv),
                environ_update={**ENGLISH, **(env or {})},
                data=None if data is None else data.encode("utf-8", "surrogateescape"),
                binary_data=True,
                encoding=None,
                handle_exceptions=False,
                expand_user_and_vars=False,
            )
        except FileNotFoundError as error:
            return NO_SUCH_COMMAND, "", str(error)
        return int(code), decoded(out), decoded(err)

    return run


def decoded(raw: bytes) -> str:
    """Return what a command wrote as text from which its bytes can be had again."""
    return raw.decode("utf-8", "surrogateescape")


def run_module(entry_point: EntryPoint) -> None:
    """Be a module: check the arguments, answer, exit."""
    module = _Module(argument_spec=entry_point.options, supports_check_mode=True, **entry_point.rules)

    runtime = Runtime(
        now=time.time,
        check=module.check_mode,
        run=runner(module),
        identity=identity(),
        cache=MachineLocks(),
    )
    result = answer(entry_point, conceal(plain(module.params), entry_point.options), runtime)
    module.no_log_values.update(runtime.secrets)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)
