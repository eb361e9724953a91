"""The command line: kubectl's words, flags, output and exit codes. Talks to the cluster through `client` alone."""

PROGRAM = "kubectl"
"""What messages call the program: people alias one to the other, and outputs are compared."""
