#!/bin/sh
# The life of a pod: hooks, a sidecar, probes that start it again, back-off, last words, and a look inside while it runs.
#
#     examples/lifecycle.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"
needs_sandbox

leave() { ask delete pods --all --now >/dev/null 2>&1 || true; cleanup; }
trap leave EXIT
restarts() { ask get pod "$1" -o 'jsonpath={.status.containerStatuses[0].restartCount}'; }
at_least_once() { [ "$(restarts "$1")" -ge 1 ] && echo yes; }
waits_for() { ask get pod "$1" -o 'jsonpath={.status.containerStatuses[0].state.waiting.reason}'; }

run apply -f "$here/lifecycle.yaml"

say "postStart runs beside the container's own command; until it is through, the container is not said to run."
run wait --for=condition=Ready pod/hooks --timeout=60s
expect "Hello from the postStart handler" "$(ask exec hooks -- cat /usr/share/message)"

say "A sidecar is an init container that stays: it starts before the others and ends after them."
run wait --for=condition=Ready pod/talks --timeout=60s
until_it_is yes sh -c "'$minikctl' -n '$namespace' logs talks -c reader | grep -q 'said: hello' && echo yes"
run get pod talks
run logs talks --all-containers --prefix --tail=1

say "So a Job with a sidecar is done when its own container is."
run wait --for=condition=Complete job/with-sidecar --timeout=60s
run get job with-sidecar

say "Liveness: the file is gone after a while, the probe fails, the container is started again."
until_it_is yes at_least_once liveness
run events --for pod/liveness --types=Warning

say "A startup probe gives a slow one its time: liveness is not asked before."
run wait --for=condition=Ready pod/slow --timeout=60s
expect 0 "$(restarts slow)"

say "What ends badly again and again has to wait longer each time; its last words can be read."
until_it_is CrashLoopBackOff waits_for crash
expect "I give up" "$(ask logs crash --previous)"
expect "3 out of order" "$(ask get pod crash -o 'jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode} {.status.containerStatuses[0].lastState.terminated.message}')"
run get pod crash

say "A look inside a pod that has no shell of its own: a container that joins it."
run debug hooks --image=busybox --container=look --target=main -- sh -c 'cat /proc/[0-9]*/cmdline | tr "\0" " "; echo; sleep 600'
until_it_is yes sh -c "'$minikctl' -n '$namespace' logs hooks -c look | grep -q 'sleep 3600' && echo yes"
run logs hooks -c look

say "preStop is given its time before the signal: what it writes is there for others."
run exec hooks -- ls /shared
run delete pod hooks
expect "main is going" "$(ask exec keeper -- cat /kept/farewell)"
