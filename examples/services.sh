#!/bin/sh
# Services: one address and one name for pods that come and go. ClusterIP, headless, NodePort, LoadBalancer, ExternalName.
#
#     examples/services.sh [MINIKCTL]
#
# Addresses and names of the cluster mean something in its own network only: without one, the half that this machine
# reaches is shown.
. "$(dirname "$0")/frame.sh"

leave() { ask delete pod client --now >/dev/null 2>&1 || true; cleanup; }
trap leave EXIT
from_client() { ask exec client -- wget -q -T 5 -O - "$1"; }
distinct() { # distinct TIMES COMMAND…: how many different answers
    times=$1
    shift
    for _ in $(seq "$times"); do echo "$("$@")"; done | sort -u | grep -c .
}
addresses() { ask exec client -- nslookup "$1" 10.96.0.10 2>/dev/null | sed -n 's/^Address[^:]*: *\(10\.244\.[0-9.]*\).*/\1/p' | sort -u | grep -c . || true; }

say "Three pods that say their names, and a Service of each type for them."
run apply -f "$here/services.yaml"
run rollout status deployment/names --timeout=60s
run wait --for=condition=Ready pod/client --timeout=60s
run get services
run get endpointslices

if ask exec client -- nslookup kubernetes.default.svc.cluster.local >/dev/null 2>&1; then
    say "ClusterIP: inside the cluster, by its name. It chooses a pod at random, so all three answer sooner or later."
    run exec client -- nslookup inside
    until_it_is 3 distinct 20 from_client http://inside:8080
    run exec client -- sh -c 'env | grep ^INSIDE_SERVICE || true'

    say "sessionAffinity ClientIP: the same client always meets the same pod."
    run patch service inside -p '{"spec": {"sessionAffinity": "ClientIP"}}'
    until_it_is 1 distinct 20 from_client http://inside:8080

    say "Headless: no address of its own, the name means the pods themselves."
    until_it_is 3 addresses "each.$namespace.svc.cluster.local"

    say "ExternalName: another name for something that is elsewhere."
    until_it_is yes sh -c "'$minikctl' -n '$namespace' exec client -- nslookup -type=cname elsewhere.$namespace.svc.cluster.local | grep -q kubernetes.default && echo yes"

    say "Pods come and go; the Service stays where it is."
    run scale deployment names --replicas=1
    until_it_is 1 addresses "each.$namespace.svc.cluster.local"
    run scale deployment names --replicas=3
    run rollout status deployment/names --timeout=60s
fi

say "NodePort and LoadBalancer: from this machine, too."
for name in outside balanced; do
    url=$(url_of "$name")
    run service "$name" --url
    until_it_is 3 distinct 20 get "$url"
done
run get service outside balanced
