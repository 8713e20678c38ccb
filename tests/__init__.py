"""All tests, and the sandbox that they share."""
