"""Lets runs of Ansible share the modules that they have packed: packing one takes longer than most of them run.

In: the folder in APHEX_KEPT_MODULES, of code that does not change meanwhile. Out: a link, where a run keeps what it has
packed, to a folder for this core. Never here: a word about what is packed or how; Ansible does that as ever, once for
each module, under a lock of its own.
"""

from __future__ import annotations

import contextlib
import os
import sys
import typing as t
from pathlib import Path

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible.release import __version__

DOCUMENTATION = r"""
name: kept_modules
type: aggregate
short_description: Keep packed modules from run to run
description:
  - Links the folder in C(APHEX_KEPT_MODULES) into the directory for temporary files of this run.
"""

if t.TYPE_CHECKING:
    _Base = object
else:
    _Base = CallbackBase


class CallbackModule(_Base):
    """It hears nothing: it is loaded before the first module is packed, and that is all."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "kept_modules"

    def __init__(self) -> None:
        super().__init__()
        kept = Path(os.environ["APHEX_KEPT_MODULES"]) / f"{__version__}-{sys.version_info.minor}"
        kept.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (Path(constants.DEFAULT_LOCAL_TMP) / "ansiballz_cache").symlink_to(kept)
