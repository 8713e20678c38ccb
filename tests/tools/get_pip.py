"""Give a new virtual environment its pip, from what Python itself carries.

In: the arguments of the bootstrap script that ansible-test would download. Out: pip, then the packages that were asked
for. Never here: a download of pip; a machine that reaches only a package index can run the sanity tests so.
"""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: ensurepip switches pip's settings off for the rest of the process that it runs in.
subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"])
# ansible-test tells a bootstrap script what to leave out; pip leaves those out by itself.
wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *wanted]))
