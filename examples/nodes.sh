#!/bin/sh
# Nodes that come, go and fail while the cluster runs, and what becomes of their pods.
#
#     examples/nodes.sh [MINIKCTL]
#
# It adds a node to the cluster, and takes it away again. A failed node is noticed after 50 seconds: nothing is hurried here.
. "$(dirname "$0")/frame.sh"

leave() { ask cluster node remove spare >/dev/null 2>&1 || true; cleanup; }
trap leave EXIT
on_spare() { ask get pods -l "app=$1" --field-selector=spec.nodeName=spare -o name | wc -l | tr -d ' '; }
status() { ask get node spare -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'; }
stays() { # stays SECONDS: a pod's spec that tolerates a node's failure so long, and wants the spare one
    tolerations=
    for key in not-ready unreachable; do
        tolerations="$tolerations,{\"key\":\"node.kubernetes.io/$key\",\"operator\":\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":$1}"
    done
    preferred='{"weight":100,"preference":{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["spare"]}]}}'
    echo "{\"spec\":{\"template\":{\"spec\":{\"tolerations\":[${tolerations#,}],\"affinity\":{\"nodeAffinity\":{\"preferredDuringSchedulingIgnoredDuringExecution\":[$preferred]}}}}}}"
}

say "A node comes, and pods can go there."
run cluster node add spare --labels role=spare
until_it_is True status
run get nodes
ask create deployment quick --image=registry.k8s.io/pause:3.9 --replicas=0 >/dev/null
ask patch deployment quick -p "$(stays 2)" >/dev/null
run scale deployment quick --replicas=2
run rollout status deployment/quick --timeout=60s
expect 2 "$(on_spare quick)"

say "A taint with NoExecute sends away those that do not tolerate it; new pods go elsewhere."
run taint node spare maintenance=yes:NoExecute
until_it_is 0 on_spare quick
run rollout status deployment/quick --timeout=60s
run taint node spare maintenance-

say "Its agent is gone without a word, as when a machine fails. The lease is not renewed, and the node becomes NotReady."
run rollout restart deployment/quick
run rollout status deployment/quick --timeout=60s
until_it_is 2 on_spare quick
run cluster node stop spare
until_it_is Unknown status
run get nodes

say "The pods that tolerate that for two seconds are replaced on other nodes."
until_it_is 2 sh -c "'$minikctl' -n '$namespace' get pods -l app=quick --field-selector=status.phase=Running -o 'jsonpath={.items[?(@.spec.nodeName!=\"spare\")].metadata.name}' | wc -w | tr -d ' '"
run get pods -o wide

say "It comes back, and learns that its pods are not wanted any more."
run cluster node start spare
until_it_is True status
until_it_is "" ask get node spare -o 'jsonpath={.spec.taints}'
until_it_is 0 on_spare quick

run cluster node remove spare
until_it_is "" ask get node spare --ignore-not-found -o name
