#!/bin/sh
# A DaemonSet: one pod on every node, and nowhere else. The cluster should have three nodes.
#
#     examples/daemonset.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"

nodes=$("$minikctl" get nodes -o 'jsonpath={.items[*].metadata.name}')
count=$(echo "$nodes" | wc -w | xargs)
last=${nodes##* }
where() { ask get pods -l app=watcher -o 'jsonpath={.items[*].spec.nodeName}' | tr ' ' '\n' | sort | xargs; }

say "One pod on each of the $count nodes."
run apply -f "$here/daemonset.yaml"
run rollout status daemonset/watcher --timeout=60s
run get daemonset watcher
run get pods -l app=watcher -o wide
expect "$(echo "$nodes" | tr ' ' '\n' | sort | xargs)" "$(where)"
expect "$count" "$(ask logs -l app=watcher --prefix | grep -c watching)"

say "A pod that is lost comes back on its node."
run delete pod -l app=watcher --field-selector="spec.nodeName=$last"
run rollout status daemonset/watcher --timeout=60s
expect "$count" "$(ask get daemonset watcher -o 'jsonpath={.status.numberReady}')"

say "A node that it is no longer for loses its pod, and gets it back."
run patch daemonset watcher -p '{"spec":{"template":{"spec":{"nodeSelector":{"watched":"yes"}}}}}'
until_it_is 0 ask get daemonset watcher -o 'jsonpath={.status.desiredNumberScheduled}'
"$minikctl" label node "$last" watched=yes >/dev/null
until_it_is "$last" where
"$minikctl" label node "$last" watched- >/dev/null
until_it_is "" where

say "Back to the revision before."
run rollout history daemonset/watcher
run rollout undo daemonset/watcher
run rollout status daemonset/watcher --timeout=60s
expect "$count" "$(ask get daemonset watcher -o 'jsonpath={.status.numberAvailable}')"

run delete daemonset watcher
until_it_is "" ask get pods -o name
