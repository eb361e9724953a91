"""Pods that have to leave a node: because it runs short of something, or because they use more disk than they may.

`decisions` has the rules as pure functions, `readings` asks the machine, `manager` acts.
Source: Kubernetes concept "Node-pressure Eviction", "Local ephemeral storage"; kubelet `eviction/`.
"""
