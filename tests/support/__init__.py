"""Helpers for tests: a cluster inside the test process, and the command line run against it."""
