"""The sandbox runtime: containers with a root file system, processes, host name and users of their own (bubblewrap)."""
