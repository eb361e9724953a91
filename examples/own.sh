# For walk-throughs with a cluster of their own, in a directory that is deleted at the end; sourced, not run.
#
#     settings="--simulated --nodes 3"
#     . "$(dirname "$0")/own.sh"
#
# The rest is frame.sh's.
set -eu

MINIKCTL_STATE=$(mktemp -d)/state
export MINIKCTL_STATE
own_minikctl=${1:-minikctl}
end() { "$own_minikctl" cluster reset --yes >/dev/null 2>&1 || true; rm -rf "$(dirname "$MINIKCTL_STATE")"; }
trap end EXIT
# shellcheck disable=SC2086 # several words
"$own_minikctl" cluster start $settings

. "$(dirname "$0")/frame.sh"
trap end EXIT
