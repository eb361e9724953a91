#!/bin/sh
# The main job, end to end: a web server comes up, answers, is scaled, updated, broken, repaired and deleted.
#
#     examples/walkthrough.sh [MINIKCTL]
#
# It works in a namespace of its own on the cluster that `minikctl` means (see `minikctl cluster --help`), prints each
# command before running it, and checks what it shows: the exit code is 0 only when everything was as it says.
set -eu

minikctl=${1:-minikctl}
namespace=walkthrough
image=us-docker.pkg.dev/google-samples/containers/gke/hello-app

if [ -t 1 ]; then bold=$(printf '\033[1m') dim=$(printf '\033[36m') off=$(printf '\033[0m'); else bold= dim= off=; fi

say() { printf '\n%s# %s%s\n' "$dim" "$*" "$off"; }

run() { # show a command, then run it
    printf '%s$ minikctl' "$bold"
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./:=,@%+-]*) printf " '%s'" "$word" ;;
            *) printf ' %s' "$word" ;;
        esac
    done
    printf '%s\n' "$off"
    "$minikctl" -n "$namespace" "$@"
}

ask() { "$minikctl" -n "$namespace" "$@"; } # run without showing

answers() { # ask the newest ready pod, and see that its answer has a line
    pod=$(ask get pods -l app=hello --field-selector=status.phase=Running \
        --sort-by=.metadata.creationTimestamp -o 'jsonpath={.items[*].metadata.name}')
    answer=$(run get --raw "/api/v1/namespaces/$namespace/pods/${pod##* }:8080/proxy/")
    echo "$answer"
    expect "$1" "$(echo "$answer" | grep -F "$1" || true)"
}

expect() { # what was promised, and what there is
    if [ "$1" != "$2" ]; then
        echo "walkthrough: expected $1, found $2" >&2
        exit 1
    fi
}

cleanup() { ask delete namespace "$namespace" --ignore-not-found >/dev/null 2>&1 || true; }
trap cleanup EXIT
cleanup
ask create namespace "$namespace" >/dev/null

say "A Deployment of one web server. Its container is a process on this machine."
run create deployment hello --image="$image:1.0"
run rollout status deployment/hello --timeout=60s
run get pods -o wide

say "It answers, here through the API server."
answers 'Version: 1.0.0'

say "What happened behind that command, and who did it because of what?"
run flow deployment/hello

say "Every object is a file of JSON that you can read, and even edit."
state=$("$minikctl" cluster status -o json | sed -n 's/.*"stateDir": "\(.*\)".*/\1/p')
printf '%s$ head -8 %s/registry/deployments/%s/hello.json%s\n' "$bold" "$state" "$namespace" "$off"
head -8 "$state/registry/deployments/$namespace/hello.json"

say "Three of them instead of one."
run scale deployment/hello --replicas=3
run rollout status deployment/hello --timeout=60s
expect 3 "$(ask get deployment hello -o 'jsonpath={.status.readyReplicas}')"

say "A pod that is deleted is replaced."
victim=$(ask get pods -l app=hello -o 'jsonpath={.items[0].metadata.name}')
run delete pod "$victim"
run rollout status deployment/hello --timeout=60s
run get pods
expect 3 "$(ask get deployment hello -o 'jsonpath={.status.readyReplicas}')"

say "A new version, rolled out pod by pod."
run set image deployment/hello hello-app="$image:2.0"
run rollout status deployment/hello --timeout=60s
answers 'Version: 2.0.0'

say "A version that does not exist: the rollout stops, and the old pods go on."
run set image deployment/hello hello-app="$image:9.9"
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    reason=$(ask get pods -l app=hello -o 'jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}')
    case $reason in *ErrImagePull* | *ImagePullBackOff*) break ;; esac
    sleep 0.5
done
run get pods
case $reason in *ErrImagePull* | *ImagePullBackOff*) ;; *) expect ImagePullBackOff "${reason:-nothing}" ;; esac
expect 3 "$(ask get deployment hello -o 'jsonpath={.status.availableReplicas}')"

say "Back to the version before."
run rollout undo deployment/hello
run rollout status deployment/hello --timeout=60s
run rollout history deployment/hello
run logs deployment/hello --tail=2

say "And gone again: what did that set in motion?"
run delete deployment hello
run wait --for=delete pod -l app=hello --timeout=60s
run flow deployment/hello --last
