#!/bin/sh
# Policy: budgets and drain, quotas and limits, Pod Security levels, a rule in CEL.
#
#     examples/policy.sh [MINIKCTL]
#
# It cordons and drains a node of the cluster, and gives it back.
. "$(dirname "$0")/frame.sh"

refused() { # refused WORDS COMMAND…: the command must fail, and say so
    wanted=$1
    shift
    run "$@" 2>"$log" && { echo "$namespace: '$*' went through" >&2; exit 1; }
    cat "$log"
    grep -q "$wanted" "$log" || { echo "$namespace: expected $wanted" >&2; exit 1; }
}
log=$(mktemp)
node=
cleanup_policy() {
    if [ -n "$node" ]; then ask uncordon "$node" >/dev/null 2>&1 || true; fi
    ask delete -f "$here/policy-rule.yaml" --ignore-not-found >/dev/null 2>&1 || true
    rm -f "$log"
    cleanup
}
trap cleanup_policy EXIT

say "Three pods, of which a budget lets one go at a time."
run apply -f "$here/policy.yaml"
run rollout status deployment/shop --timeout=60s
until_it_is 1 ask get pdb shop -o 'jsonpath={.status.disruptionsAllowed}'
run get pdb shop

say "To empty a node, drain asks the budget for every pod: the others must stand before the next may go."
node=$(ask get pods -l app=shop -o 'jsonpath={.items[0].spec.nodeName}')
run drain "$node" --pod-selector app=shop --timeout=60s
expect "" "$(ask get pods -l app=shop --field-selector "spec.nodeName=$node" -o name)"
run uncordon "$node"
node=
until_it_is 3 ask get deployment shop -o 'jsonpath={.status.readyReplicas}'

say "A budget that cannot be kept says so: what three of three must stand, may not go."
run patch pdb shop -p '{"spec":{"minAvailable":3}}'
until_it_is 0 ask get pdb shop -o 'jsonpath={.status.disruptionsAllowed}'
node=$(ask get pods -l app=shop -o 'jsonpath={.items[0].spec.nodeName}')
refused "would violate the pod's disruption budget" drain "$node" --pod-selector app=shop --timeout=1s
run uncordon "$node"
node=

say "The namespace's quota counts what is there, and refuses what goes beyond it. What asks for nothing gets a default."
until_it_is "3 300m" ask get quota team -o 'jsonpath={.status.used.pods} {.status.used.requests\.cpu}'
run get quota team
run run small --image=nginx
expect 50m "$(ask get pod small -o 'jsonpath={.spec.containers[0].resources.requests.cpu}')"
large='{"spec":{"containers":[{"name":"large","image":"nginx","resources":{"limits":{"cpu":"2"}}}]}}'
refused "maximum cpu usage per Container is 500m" run large --image=nginx --overrides "$large"
run delete pod small --now

say "A Pod Security level for the namespace: from now on only pods that give up what they do not need."
run label namespace "$namespace" pod-security.kubernetes.io/enforce=restricted
refused 'violates PodSecurity "restricted:latest"' run loose --image=nginx
run rollout restart deployment/shop
run rollout status deployment/shop --timeout=60s

say "A rule of one's own, in CEL."
run apply -f "$here/policy-rule.yaml"
refused "four replicas are enough, not 5" patch deployment shop -p '{"spec":{"replicas":5}}'
run patch deployment shop -p '{"spec":{"replicas":4}}'
run rollout status deployment/shop --timeout=60s
