#!/bin/sh
# A ReplicationController, the grandfather of Deployments: so many pods, whatever happens to them.
#
#     examples/replicationcontroller.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"

ready() { ask get replicationcontroller hello -o 'jsonpath={.status.readyReplicas}'; }

say "Three pods of a kind."
run apply -f "$here/replicationcontroller.yaml"
until_it_is 3 ready
run describe replicationcontroller hello

say "One is deleted, one is taken away for debugging: two new ones come."
run delete pod "$(ask get pods -l app=hello -o 'jsonpath={.items[0].metadata.name}')"
run label pod "$(ask get pods -l app=hello -o 'jsonpath={.items[0].metadata.name}')" app=debug --overwrite
until_it_is 3 ready
expect 4 "$(ask get pods -o name | wc -l | xargs)"

say "More, and fewer."
run scale replicationcontroller hello --replicas=5
until_it_is 5 ready
run scale replicationcontroller hello --replicas=1
until_it_is 1 ready

run delete replicationcontroller hello
until_it_is 1 sh -c "'$minikctl' -n '$namespace' get pods -o name | wc -l | xargs"
