"""Containers as plain processes of the user: for machines without namespaces, and for tests of all that is above."""
