"""What `make` needs beside the tools themselves.

Setup and suite need the standard library alone: they run before anything is installed.
"""
