#!/bin/sh
# What stands behind the workloads: a PodTemplate, a ReplicaSet of one's own, and the ControllerRevisions of a DaemonSet.
#
#     examples/revisions.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"

frontends() { ask get pods -l tier=frontend --field-selector=status.phase=Running -o name | wc -l | tr -d ' '; }
revisions() { ask get controllerrevisions -l app=agent --sort-by=.revision -o 'jsonpath={.items[*].revision}'; }
said() { ask logs -l app=agent --tail=1 | sort -u; }

run apply -f "$here/revisions.yaml"

say "A PodTemplate is a pod that is not one yet: it is kept, and a pod can be made of it."
run get podtemplate greeter
ask get podtemplate greeter -o json | python3 -c 'import json, sys
t = json.load(sys.stdin)["template"]
print(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {**t["metadata"], "name": "greeter"}, "spec": t["spec"]}))' |
    ask create -f -
run wait --for=condition=Ready pod/greeter --timeout=60s
until_it_is "version one" ask logs greeter
run delete pod greeter --now

say "A ReplicaSet takes pods that fit, and makes or deletes others until the number is right."
until_it_is 3 frontends
victim=$(ask get pods -l tier=frontend -o 'jsonpath={.items[0].metadata.name}')
run label pod "$victim" tier=debug --overwrite
until_it_is 3 frontends
expect "" "$(ask get pod "$victim" -o 'jsonpath={.metadata.ownerReferences}')"
run label pod "$victim" tier=frontend --overwrite
until_it_is 3 frontends
run scale replicaset frontend --replicas=1
until_it_is 1 frontends
run describe replicaset frontend

say "Each version of a DaemonSet's pods is a ControllerRevision."
run rollout status daemonset/agent --timeout=60s
until_it_is "version one" said
expect 1 "$(revisions)"
run patch daemonset agent -p '{"spec":{"template":{"spec":{"containers":[{"name":"main","command":["sh","-c","echo version two; exec sleep 3600"]}]}}}}'
run rollout status daemonset/agent --timeout=60s
until_it_is "version two" said
expect "1 2" "$(revisions)"
run get controllerrevisions -l app=agent
run rollout history daemonset/agent

say "Going back makes the old revision the newest."
run rollout undo daemonset/agent --to-revision=1
run rollout status daemonset/agent --timeout=60s
until_it_is "version one" said
expect "2 3" "$(revisions)"
