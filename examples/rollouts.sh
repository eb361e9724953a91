#!/bin/sh
# Two ways to a new version: RollingUpdate, whose visitors notice nothing, and Recreate, which never has two versions at
# once.
#
#     examples/rollouts.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"

scratch=$(mktemp -d)
watcher= visitor=
leave() {
    for pid in $watcher $visitor; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$scratch"
    cleanup
}
trap leave EXIT
image=us-docker.pkg.dev/google-samples/containers/gke/hello-app

say "Four pods. The update may have one too many and none too few."
run apply -f "$here/rollouts.yaml"
run rollout status deployment/rolling --timeout=60s
run rollout status deployment/recreate --timeout=60s
url=$(url_of rolling)
until_it_is 5 answers rolling 5 'Version: 1.0.0'

say "Somebody asks all the time while the versions change."
(
    while [ ! -e "$scratch/enough" ]; do
        { get "$url" | grep Version || echo FAILED; } >>"$scratch/answers" 2>>"$scratch/errors"
    done
) &
visitor=$!
"$minikctl" -n "$namespace" get deployment rolling -w -o 'jsonpath={.status.availableReplicas}{"\n"}' >"$scratch/available" &
watcher=$!
run set image deployment/rolling web=$image:2.0
run rollout status deployment/rolling --timeout=90s
until_it_is 5 answers rolling 5 'Version: 2.0.0'
touch "$scratch/enough"
wait "$visitor"
kill "$watcher" 2>/dev/null || true
watcher= visitor=
sort "$scratch/answers" | uniq -c
expect 0 "$(grep -c FAILED "$scratch/answers" || true)"
expect 4 "$(grep . "$scratch/available" | sort -n | head -1)" # never fewer than four that can be asked
run rollout history deployment/rolling

say "Recreate: first the old ones go, then the new ones come."
"$minikctl" -n "$namespace" get pods -l app=recreate -w --output-watch-events \
    -o 'custom-columns=EVENT:.type,PHASE:.object.status.phase,IMAGE:.object.spec.containers[0].image,NAME:.object.metadata.name' >"$scratch/events" &
watcher=$!
until_it_is 3 sh -c "grep -c '^ADDED' '$scratch/events'"
run set image deployment/recreate web=$image:2.0
run rollout status deployment/recreate --timeout=90s
until_it_is 6 sh -c "grep -c '^ADDED' '$scratch/events'"
kill "$watcher" 2>/dev/null || true
watcher=
cat "$scratch/events"
# Of those of version 1.0, how many still ran when the first of version 2.0 was made?
expect 0 "$(awk '/:1.0/ {runs[$4] = ($1 != "DELETED" && $2 == "Running")}
    /^ADDED.*:2.0/ {n = 0; for (pod in runs) n += runs[pod]; print n; exit}' "$scratch/events")"

say "A version that does not come up stops the rolling update; the old pods go on answering."
run set image deployment/rolling web=$image:9.9
until_it_is 1 ask get deployment rolling -o 'jsonpath={.status.unavailableReplicas}'
expect 10 "$(answers rolling 10 'Version: 2.0.0')"
run rollout undo deployment/rolling
run rollout status deployment/rolling --timeout=60s
