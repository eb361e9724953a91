"""The cluster as processes and files on this machine: where its state is, starting, stopping, supervising."""
