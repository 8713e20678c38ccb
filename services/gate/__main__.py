"""The command line of the gate.

In: arguments. Out: a running gate, or what was asked for; 0 when all is well, 1 when it is not, 2 for a wrong call.
Never here: what a command does.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._gate.words import DURATION, duration
from services.gate import commands, operate, running, store
from services.gate import config as configuration
from services.gate.inbox import Inbox, Override

DEFAULT_CONFIG = "/etc/aphex-gate/gate.yaml"
_ABOUT = """\
Decides deployments that wait at a GitHub environment, by policy.

The policy is a folder of YAML files; `aphex-gate lint` and `aphex-gate test` check it, `aphex-gate simulate` shows what
it would have made of what was recorded, and `aphex-gate explain` why a deployment was decided as it was."""
_EXITS = "Exit codes: 0 all is well; 1 it failed, or something was found; 2 the call was wrong."


def main(arguments: Sequence[str] | None = None, clock: Callable[[], float] = time.time) -> int:
    """Run a command; what goes wrong is said in a sentence for each problem."""
    given = parser().parse_args(arguments, argparse.Namespace(now=clock()))
    try:
        return int(given.run(given))
    except Failure as failure:
        print(failure.sentence(), file=sys.stderr)
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing more can be said to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
    return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    whole = argparse.ArgumentParser(
        prog="aphex-gate", description=_ABOUT, epilog=_EXITS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(kinds)
    _add_policy_commands(kinds)
    _add_simulate(kinds)
    _add_store_commands(kinds)
    _add_acts(kinds)
    _add_audit(kinds)
    return whole


_Kinds: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _command(kinds: _Kinds, name: str, says: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = kinds.add_parser(name, help=says, description=f"{says}.", epilog=_EXITS)
    made.set_defaults(run=run)
    return made


def _with_config(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config",
        type=Path,
        default=Path(os.environ.get("APHEX_GATE_CONFIG", DEFAULT_CONFIG)),
        metavar="FILE",
        help="the gate's configuration; by default APHEX_GATE_CONFIG, else %(default)s",
    )


def _with_format(command: argparse.ArgumentParser) -> None:
    command.add_argument("--format", choices=("table", "json"), default="table", help="by default a table")


def _with_policy(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--policy",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a file or folder of another policy; may be repeated; by default that of the configuration",
    )


def _with_actor(command: argparse.ArgumentParser) -> None:
    command.add_argument("--reason", required=True, type=_filled, help="why; it is recorded, and GitHub shows it")
    command.add_argument("--actor", type=_filled, default=None, help="who; by default the user of this shell")


def _add_serve(kinds: _Kinds) -> None:
    made = _command(kinds, "serve", "Receive deliveries and decide, until SIGTERM", _serve)
    made.add_argument("--check", action="store_true", help="see whether all of its files can be used, and end")
    _with_config(made)


def _add_policy_commands(kinds: _Kinds) -> None:
    for name, says, run in (
        ("lint", "Check policy files, with line and remedy for every problem", _lint),
        ("test", "Run the cases (*.cases.yml) beside policy files", _test),
    ):
        made = _command(kinds, name, says, run)
        made.add_argument(
            "files", type=Path, nargs="+", metavar="FILE", help="files of a policy, calendars (ICS), folders"
        )
        _with_format(made)
        if name == "lint":
            made.add_argument("--strict", action="store_true", help="fail for warnings as well")
    _command(kinds, "schema", "Print the JSON schema of a policy file, for editors", _schema)


def _add_simulate(kinds: _Kinds) -> None:
    made = _command(kinds, "simulate", "Judge what was recorded by another policy or at another time", _simulate)
    _with_policy(made)
    made.add_argument("--at", type=_moment, metavar="TIME", help="as if it were then, such as 2026-12-24T10:00+01:00")
    made.add_argument("--since", type=_moment, metavar="TIME", help="only what was recorded since then")
    _with_events(made)
    _with_config(made)
    _with_format(made)

    made = _command(kinds, "explain", "Show what each rule wanted of a delivery, saw, and required", _explain)
    made.add_argument("which", metavar="GUID|ENTRY", help="the delivery's GUID, or the entry's number")
    _with_policy(made)
    made.add_argument("--at", type=_moment, metavar="TIME", help="as if it were then; by default its last judgement")
    _with_events(made)
    _with_config(made)
    _with_format(made)


def _with_events(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--events", type=Path, metavar="FILE", help="records of `audit export`; by default those of the store"
    )


def _add_store_commands(kinds: _Kinds) -> None:
    made = _command(kinds, "pending", "Show what waits, why, and when it is looked at next", _pending)
    _with_config(made)
    _with_format(made)
    made = _command(kinds, "replay", "Have an entry judged again that is dead or waits", _replay)
    made.add_argument("which", metavar="GUID|ENTRY", help="the delivery's GUID, or the entry's number")
    _with_config(made)


def _add_acts(kinds: _Kinds) -> None:
    made = _command(kinds, "decide", "Approve or reject what waits, in your name, whatever the policy says", _decide)
    made.add_argument("which", metavar="GUID|ENTRY", help="the delivery's GUID, or the entry's number")
    made.add_argument("outcome", choices=("approve", "reject"))
    _with_actor(made)
    _with_config(made)
    made = _command(kinds, "override", "Set rules aside that allow it, for a time, with a reason", _override)
    made.add_argument("repository", type=_full_name, metavar="OWNER/NAME")
    made.add_argument("environment")
    made.add_argument("--for", type=_span, required=True, dest="length", metavar="TIME", help="such as 2h")
    made.add_argument("--app", help="the App, by its name in the configuration; needed when there are several")
    _with_actor(made)
    _with_config(made)


def _add_audit(kinds: _Kinds) -> None:
    made = kinds.add_parser("audit", help="Check or export the audit log", description="Check or export the audit log.")
    parts = made.add_subparsers(dest="part", required=True, metavar="COMMAND")
    for name, says, run in (
        ("verify", "Check that no record was altered or taken away, and print the newest hash", _verify),
        ("export", "Print every record as a line of JSON", _export),
    ):
        part = _command(parts, name, says, run)
        _with_events(part)
        _with_config(part)


# from options to commands


def _serve(given: argparse.Namespace) -> int:
    if given.check:
        policy = running.check(configuration.read(given.config))
        print(f"{given.config} can be used; the policy is {policy.digest}, with {len(policy.rules)} rules.")
        return 0
    # The server's libraries are loaded only for this.
    from services.gate import serve

    serve.serve(given.config)
    return 0


def _lint(given: argparse.Namespace) -> int:
    return commands.check(given.files, given.now, given.format, given.strict)


def _schema(_given: argparse.Namespace) -> int:
    return commands.print_schema()


def _test(given: argparse.Namespace) -> int:
    return commands.tested(given.files, given.format)


def _simulate(given: argparse.Namespace) -> int:
    policy = commands.policy_of(given.config, given.policy)
    with commands.records_of(given.config, given.events) as records:
        return commands.simulated(records, policy, given.at, given.since, given.format)


def _explain(given: argparse.Namespace) -> int:
    policy = commands.policy_of(given.config, given.policy)
    where = {"entry": int(given.which)} if given.which.isdecimal() else {"guid": given.which}
    with commands.records_of(given.config, given.events, where) as records:
        record = commands.record_of(records, given.which)
    return commands.explained(record, policy, given.at, given.format)


def _pending(given: argparse.Namespace) -> int:
    with _store(given.config) as inbox:
        return operate.pending(inbox, given.now, given.format)


def _replay(given: argparse.Namespace) -> int:
    with _store(given.config) as inbox:
        return operate.replay(inbox, given.which, given.now)


def _decide(given: argparse.Namespace) -> int:
    config = configuration.read(given.config)
    with _store(given.config) as inbox:
        return operate.decide(inbox, config, given.which, given.outcome, _actor(given), given.reason)


def _override(given: argparse.Namespace) -> int:
    config = configuration.read(given.config)
    made = Override(
        by=_actor(given),
        reason=given.reason,
        made=given.now,
        expires=given.now + given.length,
        app=operate.app_of(config, given.app).name,
        owner=given.repository.split("/")[0],
        repository=given.repository.split("/")[1],
        environment=given.environment,
    )
    with _store(given.config) as inbox:
        return operate.override(inbox, made)


def _verify(given: argparse.Namespace) -> int:
    if given.events is not None:
        with commands.records_of(given.config, given.events) as records:
            return operate.verify(records, None)
    with _store(given.config) as inbox:
        return operate.verify(commands.all_records(inbox), inbox.marks().get("anchor"))


def _export(given: argparse.Namespace) -> int:
    with commands.records_of(given.config, given.events) as records:
        return operate.export(records)


@contextlib.contextmanager
def _store(file: Path) -> Iterator[Inbox]:
    inbox = store.opened(configuration.read(file))
    try:
        yield inbox
    finally:
        inbox.close_store()


def _actor(given: argparse.Namespace) -> str:
    return str(given.actor or getpass.getuser())


# what an option can be: argparse makes a wrong call of a ValueError


def _moment(text: str) -> datetime:
    try:
        return commands.moment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2026-12-24T10:00+01:00") from error


def _span(text: str) -> float:
    if not re.fullmatch(DURATION["pattern"], text):
        raise argparse.ArgumentTypeError("write a time such as 2h or 1h30m")
    return duration(text).total_seconds()


def _full_name(text: str) -> str:
    if not re.fullmatch(r"[^/\s]+/[^/\s]+", text):
        raise argparse.ArgumentTypeError("write it as owner/name")
    return text


def _filled(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text


if __name__ == "__main__":
    sys.exit(main())
