"""kube-proxy: what a Service's addresses lead to. `rules.py` says it, `nftables.py` and `userspace.py` do it."""
