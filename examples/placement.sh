#!/bin/sh
# Where pods go when one may choose: affinity to nodes and to other pods, spreading over zones, gates, priorities.
#
#     examples/placement.sh [MINIKCTL]
#
# On simulated nodes of a cluster of its own: nothing runs, and the scheduler decides as always.
settings="--simulated --nodes 1"
. "$(dirname "$0")/own.sh"

node_of() { ask get pod "$1" -o 'jsonpath={.spec.nodeName}'; }
zones_of() { # zones_of SELECTOR: how many of its pods are in each zone
    for zone in a b c; do
        count=0
        for node in $(ask get pods -l "$1" -o 'jsonpath={.items[*].spec.nodeName}'); do
            case $node in "$zone"-*) count=$((count + 1)) ;; esac
        done
        printf '%s=%s ' "$zone" "$count"
    done
}
why_not() { ask get pod "$1" -o 'jsonpath={.status.conditions[?(@.type=="PodScheduled")].reason}'; }

say "Three zones; zone a has a fast disk."
run cluster node add a-1 --zone a --cpu 2 --labels disk=ssd
run cluster node add b-1 --zone b --cpu 2
run cluster node add c-1 --zone c --cpu 2
run cordon node-1
run get nodes -L topology.kubernetes.io/zone,disk

say "Node affinity: this one must be where the disk is fast; that one would rather be in zone b."
run apply -f "$here/placement.yaml"
until_it_is a-1 node_of must
until_it_is b-1 node_of prefers

say "Pod affinity: where its database is, there the cache goes, and no other way round."
until_it_is c-1 node_of database
until_it_is c-1 node_of cache

say "Topology spread: six pods over three zones, never more than one apart."
run rollout status deployment/spread --timeout=60s
expect "a=2 b=2 c=2 " "$(zones_of app=spread)"
run cordon c-1
run scale deployment spread --replicas=8
until_it_is "a=3 b=3 c=2 " zones_of app=spread
run scale deployment spread --replicas=9
until_it_is 1 sh -c "'$minikctl' -n '$namespace' get pods -l app=spread --field-selector=spec.nodeName= -o name | wc -l | tr -d ' '"
run uncordon c-1
until_it_is "a=3 b=3 c=3 " zones_of app=spread

say "A gate holds a pod back until somebody takes it away."
until_it_is SchedulingGated why_not gated
run get pod gated
ask patch pod gated --type=json -p '[{"op": "remove", "path": "/spec/schedulingGates"}]'
until_it_is 1 sh -c "'$minikctl' -n '$namespace' get pod gated -o 'jsonpath={.spec.nodeName}' | wc -w | tr -d ' '"

say "Priorities: the nodes are full. What is important and patient waits; what is important and not patient does not."
run scale deployment filler --replicas=6
run rollout status deployment/filler --timeout=60s
run apply -f "$here/placement-important.yaml"
until_it_is Unschedulable why_not patient
run wait --for=condition=PodScheduled pod/urgent --timeout=60s
run why urgent
until_it_is 5 ask get deployment filler -o 'jsonpath={.status.readyReplicas}'
run events --types=Normal --for "pod/$(ask get events --field-selector reason=Preempted -o 'jsonpath={.items[0].involvedObject.name}')"
expect "" "$(node_of patient)"

say "The cluster grows: a group of nodes that come for pods which fit nowhere, and go when they are not needed."
run cluster autoscale workers --max 3 --cpu 2 --simulated --scan-interval 1s --scale-down-unneeded-time 3s \
    --scale-down-delay-after-add 3s
run wait --for=condition=PodScheduled pod/patient --timeout=60s
until_it_is 6 ask get deployment filler -o 'jsonpath={.status.readyReplicas}'
run get nodes
run delete pod patient urgent --now
run scale deployment filler --replicas=1
until_it_is "" ask get nodes -l '!topology.kubernetes.io/zone' --field-selector=metadata.name!=node-1 -o name
run get nodes
say "Done."
