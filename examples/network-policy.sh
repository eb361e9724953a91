#!/bin/sh
# NetworkPolicies: who may talk to whom. Nobody; then those with a label; then those of a namespace.
#
#     examples/network-policy.sh [MINIKCTL]
#
# Packets are held back by nftables in the cluster's own network: without `nft`, or without a network, nothing is.
. "$(dirname "$0")/frame.sh"

leave() {
    ask delete pods --all --now >/dev/null 2>&1 || true
    ask delete namespace "$namespace-visitors" --ignore-not-found >/dev/null 2>&1 || true
    cleanup
}
trap leave EXIT
reaches() { # reaches POD [NAMESPACE]: yes or no, seen from that pod
    ask -n "${2:-$namespace}" exec "$1" -- timeout 3 wget -q -O /dev/null "http://web.$namespace" >/dev/null 2>&1 && echo yes || echo no
}

if ! command -v nft >/dev/null; then
    echo "There is no nft here (Debian: nftables): policies are kept, and nothing enforces them"
    exit 0
fi

say "A web server, two pods here, and one in another namespace: everybody reaches everybody."
run apply -f "$here/network-policy-pods.yaml"
ask delete namespace "$namespace-visitors" --ignore-not-found >/dev/null
run create namespace "$namespace-visitors"
run -n "$namespace-visitors" run visitor --image=busybox --overrides='{"spec": {"terminationGracePeriodSeconds": 1}}' -- sleep 3600
run wait --for=condition=Ready pod --all --timeout=60s
run -n "$namespace-visitors" wait --for=condition=Ready pod --all --timeout=60s
until_it_is yes reaches friend
until_it_is yes reaches stranger
until_it_is yes reaches visitor "$namespace-visitors"

say "A policy that selects every pod and allows nothing: nobody gets in."
run apply -f - <<'END'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: nobody
spec:
  podSelector: {}
  policyTypes: [Ingress]
END
until_it_is no reaches friend
until_it_is no reaches visitor "$namespace-visitors"

say "Policies add up: this one lets in who has the label access=true."
run apply -f - <<'END'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: friends
spec:
  podSelector:
    matchLabels: {app: web}
  ingress:
    - from:
        - podSelector:
            matchLabels: {access: "true"}
      ports:
        - {protocol: TCP, port: 80}
END
run describe networkpolicy friends
until_it_is yes reaches friend
until_it_is no reaches stranger
run label pod stranger access=true
until_it_is yes reaches stranger
until_it_is no reaches visitor "$namespace-visitors"

say "And this one, everybody of the other namespace."
run apply -f - <<END
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: visitors
spec:
  podSelector:
    matchLabels: {app: web}
  ingress:
    - from:
        - namespaceSelector:
            matchLabels: {kubernetes.io/metadata.name: $namespace-visitors}
END
until_it_is yes reaches visitor "$namespace-visitors"

say "What leaves is another matter: the visitors may ask for names, and for nothing else."
run -n "$namespace-visitors" apply -f - <<'END'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: names-only
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - ports:
        - {protocol: UDP, port: 53}
        - {protocol: TCP, port: 53}
END
until_it_is no reaches visitor "$namespace-visitors"
until_it_is yes sh -c "'$minikctl' -n '$namespace-visitors' exec visitor -- nslookup web.$namespace.svc.cluster.local >/dev/null && echo yes"
