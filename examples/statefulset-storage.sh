#!/bin/sh
# The volumes of a StatefulSet: each pod has its own, and finds it again.
#
#     examples/statefulset-storage.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"
needs_sandbox

claims() { ask get pvc --sort-by=.metadata.name -o 'jsonpath={.items[*].metadata.name}'; }
starts() { ask exec db-1 -- cat /data/log | grep -c 'db-1 started'; }

say "Two pods, each with a claim of its own, which the default storage class fills."
run apply -f "$here/statefulset-storage.yaml"
run rollout status statefulset/db --timeout=60s
run get pvc
expect "data-db-0 data-db-1" "$(claims)"
expect "Bound Bound" "$(ask get pvc -o 'jsonpath={.items[*].status.phase}')"
expect 1 "$(starts)"

say "What a pod has written survives it."
run delete pod db-1
until_it_is 2 starts
run exec db-1 -- cat /data/log

say "It survives being scaled away, too: that is what the retention policy says."
run scale statefulset db --replicas=1
run wait --for=delete pod/db-1 --timeout=60s
expect "data-db-0 data-db-1" "$(claims)"
run scale statefulset db --replicas=2
run rollout status statefulset/db --timeout=60s
until_it_is 3 starts

say "With the StatefulSet the claims go, and with them what they held."
run delete statefulset db
until_it_is "" claims
