#!/bin/sh
# High availability: three control planes, of which one leads. The leader is killed, and another one goes on.
#
#     examples/ha.sh [MINIKCTL]
#
# On a cluster of its own, in a directory that is deleted at the end. Its leases run out after 3 seconds (Kubernetes' own
# time is 15), so that there is little to wait for.
settings="--control-planes 3 --simulated --leader-elect-lease-duration 3s --leader-elect-renew-deadline 2s \
    --leader-elect-retry-period 500ms"
. "$(dirname "$0")/own.sh"

holder() { ask get lease "$1" -n kube-system -o 'jsonpath={.spec.holderIdentity}' | cut -d_ -f1; }
is_led() { [ -n "$(holder "$1")" ] && echo yes; }

say "Of each component one leads: its identity stands in a Lease. Each API server has a Lease, too: all of them serve."
until_it_is yes is_led kube-controller-manager
until_it_is yes is_led kube-scheduler
run get lease -n kube-system
run cluster status
expect 3 "$(ask get lease -n kube-system -l apiserver.kubernetes.io/identity=kube-apiserver -o name | wc -l | tr -d ' ')"

say "Some work is there, made by the leaders."
run create deployment web --image=nginx --replicas=3
run rollout status deployment/web --timeout=60s

say "Kill the leading controller manager, as a machine that loses its power would."
was=$(ask get lease kube-controller-manager -n kube-system -o 'jsonpath={.spec.holderIdentity}')
plane=$(holder kube-controller-manager)
kill -9 "$(cut -d' ' -f1 "$MINIKCTL_STATE/run/controller-manager-${plane#control-plane-}.pid")"

say "Nobody does anything about this until the Lease has run out: the pods run on all the same."
run scale deployment web --replicas=5
run get deployment web

say "Then another one leads, and does what was left undone: no more and no less."
run rollout status deployment/web --timeout=60s
new=$(ask get lease kube-controller-manager -n kube-system -o 'jsonpath={.spec.holderIdentity}')
if [ "$new" = "$was" ]; then expect "another leader" "$new"; fi
run get lease -n kube-system kube-controller-manager
expect 5 "$(ask get pods -o name | wc -l | tr -d ' ')"
expect 1 "$(ask get lease kube-controller-manager -n kube-system -o 'jsonpath={.spec.leaseTransitions}')"
run get events -n kube-system --field-selector reason=LeaderElection

say "API servers stand in for each other without any election: kill one, and the next request finds another one."
kill -9 "$(cut -d' ' -f1 "$MINIKCTL_STATE/run/apiserver-1.pid")"
server=$(ask config view -o 'jsonpath={.clusters[0].cluster.server}')
expect ok "$("$minikctl" get --raw /readyz --server "$server" --insecure-skip-tls-verify)"
say "Done."
