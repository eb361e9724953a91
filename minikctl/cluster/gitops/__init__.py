"""GitOps: Applications (argoproj.io/v1alpha1), which keep the cluster as a Git repository says.

An addon: `minikctl cluster addons enable gitops` makes the definitions, the namespace argocd, and a process
`minikctl: gitops` that runs this controller. An ordinary cluster has none of it.

    definitions.py  the CustomResourceDefinitions and what comes with them
    repository.py   Git: which commit a revision means, and its files
    render.py       files into objects: plain YAML, kustomize, Helm (its own program)
    health.py       how a resource is, by kind
    compare.py      what is wanted against what is there; who an object belongs to
    operation.py    one synchronisation: phases, waves, hooks, pruning
    application.py  what an Application may ask for
    desired.py      the objects that it asks for, at which commit
    automation.py   when its policy begins an operation by itself
    progress.py     an operation under way, and its history
    status.py       its status
    controller.py   its reconcile loop: compare, decide, synchronise, tell
    process.py      the process

Sources: Argo CD's documentation (declarative setup, sync options, sync waves, resource hooks, resource health,
automated sync policy, resource tracking) and gitops-engine. One cluster is known as a destination: this one.
"""
