"""`python -m tests.sandbox`: the sandbox for people, scripts and molecule.

In: a command line. Out: lines for people, or shell exports (`env`). Never here: how anything is started.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence

from tests.sandbox import build, sandbox, stack
from tests.sandbox.process import NotReady, Record
from tests.sandbox.sandbox import StartFailed
from tests.sandbox.state import Place, State, User, all_places
from tests.sandbox.supervisor import Refused, ask, serve

_NAME = "default"
_PERSON = "somebody (`up`)"


def _say(line: str) -> None:
    print(line, flush=True)


def _up(arguments: argparse.Namespace) -> int:
    begun = sandbox.join(
        arguments.name,
        _parts(arguments.parts),
        user=User(arguments.user),
        emulated_version=arguments.emulated_version,
        say=_say,
    )
    hint = "" if arguments.name == _NAME else f" --name {arguments.name}"
    _say(f"sandbox {begun.name} is up. kubectl: {begun.kubectl}")
    _say(f'Use it:  eval "$(python -m tests.sandbox env{hint})"')
    _say(f"Stop it: python -m tests.sandbox down{hint}")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    if Place(arguments.name).read() is None:
        _say(f"sandbox {arguments.name} is not up")
        return 0
    if sandbox.leave(arguments.name, User(arguments.user), arguments.force):
        _say(f"sandbox {arguments.name} is down")
        return 0
    others = ", ".join(sandbox.users(arguments.name))
    _say(f"sandbox {arguments.name} stays up: it is still used by {others}. --force stops it all the same.")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    places = [Place(arguments.name)] if arguments.name else all_places()
    shown = [place for place in places if _show(place)]
    if not shown:
        _say("no sandbox is up")
    return 0 if shown else 3


def _show(place: Place) -> bool:
    with place.locked():
        state = place.running()
        if state is None:
            if place.read() is not None:
                stopped = place.clean()
                _say(f"{place.name}: had been left by a crash; cleaned up, {len(stopped)} processes stopped")
            return False
    answer = ask(state, "status")
    _say(f"{place.name}: up, supervisor process {state.supervisor.pid}, folder {place.folder}")
    _say(f"  parts:     {', '.join(answer['parts'])}")
    _say(f"  used by:   {', '.join(answer['users'])}")
    programs = [f"{entry['name']} {entry['pid']}" for entry in answer["processes"]]
    _say(f"  processes: {', '.join(programs)}")
    for name, value in answer["env"].items():
        _say(f"  {name}={value}")
    return True


def _env(arguments: argparse.Namespace) -> int:
    for name, value in _running(arguments.name).env.items():
        _say(f"export {name}={shlex.quote(value)}")
    return 0


def _kubectl(arguments: argparse.Namespace) -> int:
    state = _running(arguments.name)
    program = str(Place(state.name).folder / "kubectl")
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    os.execv(program, [program, *words])


def _running(name: str) -> State:
    state = Place(name).running()
    if state is None:
        raise Refused(f"sandbox {name} is not up; `python -m tests.sandbox up` starts it")
    return state


def _build(arguments: argparse.Namespace) -> int:
    build.build_all(arguments.families, _say)
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    process = Record(arguments.user, arguments.pid, arguments.started) if arguments.pid else None
    user = User(arguments.user, process)
    return serve(arguments.name, _parts(arguments.parts), arguments.emulated_version, user)


def _parts(text: str) -> list[str]:
    return stack.with_needs(part.strip() for part in text.split(",") if part.strip())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox", description="A local cluster of real parts.")
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str | None) -> argparse.ArgumentParser:
        # Without a help text the command is not listed: `serve` is for the sandbox itself.
        made = commands.add_parser(name) if text is None else commands.add_parser(name, help=text)
        made.set_defaults(run=run)
        return made

    up = command("up", _up, "start the sandbox, or what is missing of it")
    down = command("down", _down, "leave the sandbox; it stops when nobody uses it any more")
    served = command("serve", _serve, None)
    for each in (up, served):
        each.add_argument("--parts", default=",".join(stack.ALL), help=f"some of {', '.join(stack.ALL)}")
        each.add_argument("--emulated-version", help="let the API server behave as this version, such as 1.33")
    for each in (up, down, served):
        each.add_argument("--user", default=_PERSON, help="in whose name; `down` takes the same name off")
    down.add_argument("--force", action="store_true", help="stop it even while others use it")
    served.add_argument("--pid", type=int)
    served.add_argument("--started")
    status = command("status", _status, "what is up, and who uses it; exit code 3 when nothing is")
    status.add_argument("--name", default=None)
    env = command("env", _env, "print shell exports for a running sandbox")
    kubectl = command("kubectl", _kubectl, "run kubectl against it: kubectl -- get pods -A")
    for each in (up, down, served, env, kubectl):
        each.add_argument("--name", default=_NAME, help="several sandboxes can run side by side")
    kubectl.add_argument("words", nargs=argparse.REMAINDER)
    built = command("build", _build, "build the Go programs (all, or these families)")
    built.add_argument("families", nargs="*", choices=[[], *build.FAMILIES], metavar="family")
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; answers the exit code."""
    arguments = _parser().parse_args(words)
    try:
        code: int = arguments.run(arguments)
        return code
    except (build.BuildFailed, NotReady, Refused, StartFailed, TimeoutError, ValueError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
