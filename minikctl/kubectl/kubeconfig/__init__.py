"""kubeconfig: which cluster and namespace a command means, and the files that say so.

The local cluster, always, unless the command line itself says otherwise (--context, --kubeconfig, --server,
--cluster, or $MINIKCTL_CONTEXT): an ambient $KUBECONFIG that points at production redirects nothing.
"""

from minikctl.kubectl.kubeconfig.own import ensure as ensure_own
from minikctl.kubectl.kubeconfig.target import GlobalFlags, Target, local_directory, resolve

__all__ = ["GlobalFlags", "Target", "ensure_own", "local_directory", "resolve"]
