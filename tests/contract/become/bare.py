"""Become yourself, in an empty folder and with an empty environment.

In: a command of Ansible. Out: the same command, as a remote machine without this checkout would run it. Never here: a
right that the caller has not. Loaded by tests/contract alone.
"""

from __future__ import annotations

import os
import shlex
import tempfile
import typing as t

from ansible.plugins.become import BecomeBase

DOCUMENTATION = r"""
name: bare
short_description: Become yourself with nothing around you
description:
  - Runs the command in a folder of its own, without any variable but the path of the programs of the system.
  - O(programs) is a folder of programs that the system would have.
options:
  become_user:
    description: Not used, but each such plugin has it.
    default: root
    vars:
      - name: ansible_become_user
  become_exe:
    description: Not used, but each such plugin has it.
    default: env
    vars:
      - name: ansible_become_exe
  programs:
    description: A folder of programs that stand on the path too.
    default: /usr/local/bin
    vars:
      - name: ansible_bare_programs
"""

if t.TYPE_CHECKING:

    class _Base:
        """What of Ansible's base is used here."""

        def get_option(self, option: str) -> t.Any:
            """Return the value of an option."""

else:
    _Base = BecomeBase


class BecomeModule(_Base):
    """The way to become."""

    name = "bare"

    def build_become_command(self, cmd: str, shell: t.Any) -> str:
        """Return the command with nothing around it; its folder goes with it."""
        folder = shlex.quote(tempfile.mkdtemp(prefix="aphex-bare-"))
        programs = shlex.quote(os.pathsep.join([os.defpath, str(self.get_option("programs"))]))
        bare = f"env -i PATH={programs} HOME={folder} sh -c {shlex.quote(cmd)}"
        return f"(cd {folder} && {bare}); code=$?; rm -rf {folder}; exit $code"
