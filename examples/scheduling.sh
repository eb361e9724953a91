#!/bin/sh
# Where pods go, and why: selectors, taints, anti-affinity, priorities, and a node that comes for it.
#
#     examples/scheduling.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"

leave() {
    ask delete pods --all --grace-period=1 >/dev/null 2>&1 || true
    ask cluster node remove special >/dev/null 2>&1 || true
    ask delete priorityclass urgent --ignore-not-found >/dev/null 2>&1 || true
    cleanup
}
trap leave EXIT

node_of() { ask get pod "$1" -o 'jsonpath={.spec.nodeName}'; }
reason() { ask get pod "$1" -o 'jsonpath={.status.conditions[?(@.type=="PodScheduled")].reason}'; }
asks_for() { # asks_for WHAT: the rest of a pod's spec, as kubectl run takes it
    printf '{"spec": {"terminationGracePeriodSeconds": 1, %s}}' "$1"
}

say "A pod asks for a node that nobody has: it waits, and one can ask why."
run run picky --image=busybox --overrides="$(asks_for '"nodeSelector": {"disk": "ssd"}')" -- sleep 600
until_it_is Unschedulable reason picky
run why picky

say "A node with that label comes. Its taint keeps others away; this pod does not tolerate it either."
run cluster node add special --cpu 1 --labels disk=ssd --taints dedicated=yes:NoSchedule
until_it_is Unschedulable reason picky
run why picky
run taint node special dedicated-
until_it_is special node_of picky
run delete pod picky

say "Two replicas that do not want to be on one node."
run apply -f "$here/scheduling.yaml"
run rollout status deployment/apart --timeout=60s
run get pods -l app=apart -o 'custom-columns=NAME:.metadata.name,NODE:.spec.nodeName'
expect 2 "$(ask get pods -l app=apart -o 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort -u | grep -c .)"
run delete deployment apart

say "The special node has one core. Somebody has it; somebody more important comes."
whole='"nodeSelector": {"disk": "ssd"}, "containers": [{"name": "c", "image": "busybox", "command": ["sleep", "600"], "resources": {"requests": {"cpu": "1"}}}]'
run run modest --image=busybox --overrides="$(asks_for "$whole")"
until_it_is special node_of modest
run create priorityclass urgent --value=1000 --description='comes first'
run run important --image=busybox --overrides="$(asks_for "\"priorityClassName\": \"urgent\", $whole")"
until_it_is special node_of important
run wait --for=delete pod/modest --timeout=60s
run events --for pod/modest
run why important
