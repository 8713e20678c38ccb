"""One file a module: what the generic tests need to know of it, as data."""
