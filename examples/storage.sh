#!/bin/sh
# Storage: a claim that has its volume made, grows, and outlives its pods; a volume that is there already, and is kept.
#
#     examples/storage.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"
needs_sandbox

leave() {
    ask delete pods --all --grace-period=1 >/dev/null 2>&1 || true
    cleanup
    ask delete pv by-hand --ignore-not-found >/dev/null 2>&1 || true
}
trap leave EXIT

phase() { ask get "$1" "$2" -o 'jsonpath={.status.phase}'; }
size() { ask get pvc "$1" -o 'jsonpath={.status.capacity.storage}'; }

say "A claim that leaves its class open gets the default one, which makes a directory for it."
run apply -f "$here/storage.yaml"
until_it_is Bound phase pvc made
run get pvc made
run wait --for=condition=Ready pod/writer --timeout=60s
run exec writer -- sh -c 'echo kept > /data/file'

say "It grows, because its class allows that."
run patch pvc made -p '{"spec": {"resources": {"requests": {"storage": "2Gi"}}}}'
until_it_is 2Gi size made

say "While a pod uses it, it does not go; what was written is there for the next pod."
run delete pod writer --grace-period=1
run run reader --image=busybox --overrides='{"spec": {"terminationGracePeriodSeconds": 1, "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "made"}}], "containers": [{"name": "c", "image": "busybox", "command": ["sleep", "600"], "volumeMounts": [{"name": "v", "mountPath": "/data"}]}]}}'
run wait --for=condition=Ready pod/reader --timeout=60s
expect kept "$(ask exec reader -- cat /data/file)"
run delete pvc made --wait=false
expect 1 "$(ask get pvc made --no-headers | grep -c Terminating)"
run delete pod reader --grace-period=1
run wait --for=delete pvc/made --timeout=60s

say "A volume made by hand: the claim of its class and size gets it. Released, it is kept for a person to look at."
until_it_is Bound phase pvc found
expect by-hand "$(ask get pvc found -o 'jsonpath={.spec.volumeName}')"
run delete pvc found
until_it_is Released phase pv by-hand
run get pv by-hand
