"""The gate: a process that decides deployments which wait at GitHub, by policy.

In: deliveries, a policy. Out: decisions, and why. Never here: code; each file says what it does.
"""
