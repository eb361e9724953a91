# What the walk-throughs share; sourced by them, not run.
#
#     . "$(dirname "$0")/frame.sh"
#
# They work in a namespace of their own on the cluster that `minikctl` means, print each command before running it, and
# check what it shows: the exit code is 0 only when everything was as it says.
set -eu

minikctl=${1:-minikctl}
here=$(dirname "$0")
namespace=$(basename "$0" .sh)

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

expect() { # what was promised, and what there is
    if [ "$1" != "$2" ]; then
        echo "$namespace: expected $1, found $2" >&2
        exit 1
    fi
}

until_it_is() { # until_it_is WANTED COMMAND…: ask until that is the answer, for a minute and a half
    wanted=$1
    shift
    for _ in $(seq 180); do
        answer=$("$@" || true)
        if [ "$answer" = "$wanted" ]; then return; fi
        sleep 0.5
    done
    expect "$wanted" "$answer"
}

get() { # GET a URL: its body
    if command -v curl >/dev/null 2>&1; then
        curl -fsS --noproxy '*' --max-time 20 "$1"
    else
        python3 -c 'import sys, urllib.request as r
sys.stdout.write(r.build_opener(r.ProxyHandler({})).open(sys.argv[1], timeout=20).read().decode())' "$1"
    fi
}

needs_sandbox() { # files at paths of its own are what a container has not where it is a plain process
    case $(ask get nodes -o 'jsonpath={.items[0].status.nodeInfo.containerRuntimeVersion}') in
        minikctl-process*)
            echo "There is no sandbox here, as the nodes' conditions say: containers see this machine's files"
            exit 0
            ;;
    esac
}

url_of() { ask service "$1" --url | head -1; } # where this machine reaches a Service

answers() { # answers SERVICE TIMES LINE: how many of so many answers have the line; any that fails fails the script
    url=$(url_of "$1") found=0
    for _ in $(seq "$2"); do
        body=$(get "$url") || return 1
        case $body in *"$3"*) found=$((found + 1)) ;; esac
    done
    echo "$found"
}

cleanup() { ask delete namespace "$namespace" --ignore-not-found >/dev/null 2>&1 || true; }
trap cleanup EXIT
cleanup
ask create namespace "$namespace" >/dev/null
