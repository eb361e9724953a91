#!/bin/sh
# Start a cluster, run the walk-through, and leave things as they were: demo.sh MINIKCTL
set -eu
minikctl=$1
folder=$(cd "$(dirname "$0")/.." && pwd)

was_running=yes
"$minikctl" cluster status >/dev/null 2>&1 || was_running=no
end() {
    if [ "$was_running" = no ]; then
        printf '\n$ minikctl cluster stop\n'
        "$minikctl" cluster stop
    fi
}
trap end EXIT

printf '$ minikctl cluster start\n'
"$minikctl" cluster start
printf '$ minikctl get nodes -o wide\n'
"$minikctl" get nodes -o wide
sh "$folder/examples/walkthrough.sh" "$minikctl"
printf '\nThat was the main job. Go on yourself: %s --help\n' "$minikctl"
