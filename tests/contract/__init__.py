"""Contract tests: the same stages for every module, and what each promises beyond them."""
