"""Stand-ins for systems that cannot run here: small stateful loopback servers with the codes of the real ones.

In: HTTP requests of the product. Out: the answers that the real system would give, and a log of every request.
Never here: product code, or anything that the sandbox can run for real.
"""
