#!/bin/sh
# The network of a cluster: addresses of pods, Services of every type, names, affinity, policies, and `trace`.
#
#     examples/network.sh [MINIKCTL]
#
# Needs the cluster network (`minikctl get nodes -o wide` shows addresses that begin with 172.18), and curl.
. "$(dirname "$0")/frame.sh"

from_client() { ask exec client -- "$@"; }
page() { from_client wget -q -T 3 -O - "$1" | grep -o '<title>.*</title>'; } # the title that a page has for the client
welcome='<title>Welcome to nginx!</title>'

case $(ask get nodes -o 'jsonpath={.items[0].status.addresses[0].address}') in
172.18.*) ;;
*)
    echo "network: this cluster has no network of its own: its pods share that of the machine" >&2
    exit 1
    ;;
esac

say "Services, their pods, and a client that comes last: what is there when a container starts, it finds in its environment."
run apply -f "$here/network.yaml"
run wait --for=condition=Ready pod/mynginx pod/client --timeout=60s
run rollout status deployment/who --timeout=60s
run get pods -o wide

say "A pod has an address of its own, on which others reach it, whatever node they are on."
pod_ip=$(ask get pod mynginx -o 'jsonpath={.status.podIP}')
run exec client -- wget -q -T 3 -O - "$pod_ip"
expect "$welcome" "$(page "$pod_ip")"
from_itself() { ask exec mynginx -- curl -s --max-time 3 "$1" | grep -o '<title>.*</title>'; }
expect "$welcome" "$(from_itself "$pod_ip")"

say "A Service has an address that stays: ClusterIP, and port 8080 leads to port 80 of its pods."
run get service myservice
cluster_ip=$(ask get service myservice -o 'jsonpath={.spec.clusterIP}')
until_it_is "$welcome" page "$cluster_ip:8080"
expect "MYSERVICE_SERVICE_HOST=$cluster_ip" "$(from_client env | grep ^MYSERVICE_SERVICE_HOST)"

say "And it has a name. Other namespaces call it $namespace's; the whole name ends in cluster.local."
run exec client -- nslookup myservice
until_it_is "$welcome" page myservice:8080
until_it_is "$welcome" page "myservice.$namespace:8080"
until_it_is "$welcome" page "myservice.$namespace.svc.cluster.local:8080"
until_it_is "$welcome" from_itself myservice:8080 # a pod reaches itself through its Service, too
run exec client -- cat /etc/resolv.conf
expect 10.96.0.10 "$(ask get service kube-dns -n kube-system -o 'jsonpath={.spec.clusterIP}')"

say "The pods of a Service take turns; with affinity a client keeps the one that it got."
asked() { # how many pods answer 20 requests
    from_client sh -c "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do wget -q -T 3 -O - $1/hostname; echo; done" |
        sort -u | grep -c .
}
until_it_is 3 asked who
until_it_is 1 asked who-sticky
run describe service who-sticky

say "A headless Service has no address: its name is that of every ready pod."
run exec client -- nslookup who-each
until_it_is 3 sh -c "\"$minikctl\" -n $namespace exec client -- nslookup who-each | grep -c '^Address: 10\.'"
first=$(ask get pods -l app=who -o 'jsonpath={.items[0].status.podIP}' | tr . -)
until_it_is 1 sh -c "\"$minikctl\" -n $namespace exec client -- wget -q -T 3 -O - $first.who-each:8080/hostname | grep -c who-"

say "NodePort: a port of every node, and of this machine."
run patch service myservice -p '{"spec": {"type": "NodePort"}}'
node_port=$(ask get service myservice -o 'jsonpath={.spec.ports[0].nodePort}')
node_ip=$(ask get nodes -o 'jsonpath={.items[0].status.addresses[0].address}')
until_it_is "$welcome" page "$node_ip:$node_port"
fetched() { curl -s --max-time 5 "$1" | grep -o '<title>.*</title>'; }
printf '%s$ curl -s http://127.0.0.1:%s%s\n' "$bold" "$node_port" "$off"
until_it_is "$welcome" fetched "http://127.0.0.1:$node_port"

say "LoadBalancer: an address on this machine's loopback, with the Service's own port."
run patch service myservice -p '{"spec": {"type": "LoadBalancer"}}'
balancer() { ask get service myservice -o 'jsonpath={.status.loadBalancer.ingress[0].ip}' | cut -d. -f1; }
until_it_is 127 balancer
run get service myservice
address=$(ask get service myservice -o 'jsonpath={.status.loadBalancer.ingress[0].ip}')
printf '%s$ curl -s http://%s:8080%s\n' "$bold" "$address" "$off"
until_it_is "$welcome" fetched "http://$address:8080"

say "ExternalName: another name for something outside. It has no address and no ports."
run get service google-svc
alias_of() { from_client nslookup -type=CNAME "google-svc.$namespace.svc.cluster.local" | grep -o 'canonical name = .*'; }
until_it_is "canonical name = google.com" alias_of

say "A port of a pod on this machine, for as long as the command runs."
told=$(mktemp)
ask port-forward service/myservice :8080 >"$told" 2>&1 &
forwarding=$!
trap 'kill $forwarding 2>/dev/null || true; rm -f "$told"; cleanup' EXIT
forwarded() { fetched "http://$(sed -n 's/^Forwarding from \(127[^ ]*\) .*/\1/p' "$told")"; } # it says which port it took
until_it_is "$welcome" forwarded
cat "$told"
kill $forwarding

say "trace tells the way of a request, and why there is none."
run trace myservice:8080 --from client
run patch service myservice -p '{"spec": {"selector": {"run": "yournginx"}}}'
why() { ask trace "$@" -o json | grep -o '"reason": "[A-Za-z]*"' | head -n 1 | cut -d'"' -f4; }
until_it_is SelectorMatchesNothing why myservice
ask trace myservice || true
run patch service myservice -p '{"spec": {"selector": {"run": "mynginx"}, "ports": [{"port": 8080, "targetPort": 81}]}}'
until_it_is WrongTargetPort why myservice

say "A NetworkPolicy decides who may speak to whom."
run apply -f "$here/network-policy.yaml"
answered() { if from_client wget -q -T 1 -t 1 -O /dev/null who/hostname 2>/dev/null; then echo yes; else echo no; fi; }
until_it_is PolicyDenies why who --from client
until_it_is no answered
ask trace who --from client || true
run label pod client role=friend
until_it_is yes answered
run trace who --from client

say "Done."
