"""The cluster autoscaler: adds nodes for pods that fit nowhere, and takes nodes away that are hardly used.

A node group is a number of like nodes between a minimum and a maximum. Every scan interval:

1. Pods that the scheduler found unschedulable are tried, with the scheduler's own filters, on the nodes there are and on
   those that are on their way; what is left is tried on new nodes of each group. The group that wastes least (or takes
   most pods) grows; the pods are told by TriggeredScaleUp, those that no group can help by NotTriggerScaleUp.
2. A node of a group whose requests use less than half of it, and whose pods would all fit elsewhere and may be moved
   (PodDisruptionBudgets, `cluster-autoscaler.kubernetes.io/safe-to-evict`, no bare pods, no local storage, no pods of
   kube-system without a budget), is unneeded. After ten minutes of that it is tainted, drained and removed.

What it does stands in the ConfigMap kube-system/cluster-autoscaler-status, which is written when something has changed,
not at every scan. Source: Kubernetes autoscaler, cluster-autoscaler/FAQ.md and its `core/`.

    groups.py      what a group is, and the node it would make
    simulation.py  the scheduler's filters on a supposed cluster
    scale_up.py    which group, and how many
    scale_down.py  which nodes are unneeded
    report.py      the status ConfigMap
    loop.py        the process
"""
