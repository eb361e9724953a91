#!/bin/sh
# Snapshots: the state in one file, of a cluster that runs; back to it after an accident, or into a second cluster.
#
#     examples/snapshots.sh [MINIKCTL]
settings=--simulated
. "$(dirname "$0")/own.sh"

ready() { ask get deployment "$1" -o 'jsonpath={.status.readyReplicas}'; }

say "A Deployment, its history and some settings. Save it all; nothing stops for that."
run create deployment web --image=nginx:1.26 --replicas=3
run set image deployment/web nginx=nginx:1.27
run rollout status deployment/web --timeout=60s
run create configmap settings --from-literal=colour=blue
before=$(ask get configmap settings -o 'jsonpath={.metadata.uid}')
run cluster snapshot save good
run cluster snapshot list

say "An accident."
run delete deployment web
run delete configmap settings
run create deployment wrong --image=nginx
until_it_is 1 ready wrong

say "Back to what was saved: the same objects, with their uids and their history. What came later is gone."
run cluster snapshot restore good --yes
until_it_is 3 ready web
expect "$before" "$(ask get configmap settings -o 'jsonpath={.metadata.uid}')"
expect "" "$(ask get deployment wrong --ignore-not-found -o name)"
run rollout undo deployment/web
run rollout status deployment/web --timeout=60s
expect nginx:1.26 "$(ask get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image}')"

say "The file can be restored elsewhere, too: a second cluster, which runs beside the first one."
first=$MINIKCTL_STATE second=$(dirname "$MINIKCTL_STATE")/second
cp "$first"/snapshots/good* "$second.tar.gz"
end_both() { "$minikctl" --state-dir "$second" cluster reset --yes >/dev/null 2>&1 || true; end; }
trap end_both EXIT
run --state-dir "$second" cluster snapshot restore "$second.tar.gz" --yes
ask --state-dir "$second" cluster start >/dev/null
until_it_is nginx:1.27 ask --state-dir "$second" get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image}'
until_it_is 3 ask --state-dir "$second" get deployment web -o 'jsonpath={.status.readyReplicas}'
run --state-dir "$second" scale deployment web --replicas=1
expect 3 "$(ask get deployment web -o 'jsonpath={.spec.replicas}')"
say "Done."
