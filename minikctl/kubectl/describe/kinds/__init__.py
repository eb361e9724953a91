"""One file a kind: `GROUP` and `describe(about, w)`."""
