"""A local cluster of real parts for tests, the demo and people: `python -m tests.sandbox up`.

In: names of parts. Out: a running sandbox. Never here: an import from `plugins/`.
"""
