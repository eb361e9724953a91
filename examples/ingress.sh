#!/bin/sh
# Ingress: one address for several Services, by host and path; rewriting, sticky sessions, TLS, a canary.
#
#     examples/ingress.sh [MINIKCTL]
#
# Needs curl; with openssl it shows TLS, too.
. "$(dirname "$0")/frame.sh"

fetch() { # fetch HOST PATH [CURL'S WORDS]: what a browser would get
    host=$1 path=$2
    shift 2
    printf "%s\$ curl -H 'Host: %s' %s%s%s\n" "$bold" "$host" "$url" "$path" "$off"
    curl -s --max-time 20 -H "Host: $host" "$@" "$url$path"
    echo
}
quietly() { fetch "$@" | tail -n +2; }
pod_of() { quietly "$@" | cut -d- -f1; }

say "Two Services, one of them with three pods, and two Ingresses that lead to them."
run apply -f "$here/ingress.yaml"
run rollout status deployment/reservation --timeout=60s
run rollout status deployment/order --timeout=60s
until_it_is 127.0.0.1 ask get ingress shop -o 'jsonpath={.status.loadBalancer.ingress[0].ip}'
run get ingress

say "The ingress listens on this machine alone, on port 80 or where there is room. Names are made up: curl says them."
url=$(ask ingress shop --url)
run ingress shop

say "By path: the pods are asked for what comes after the prefix."
fetch shop.example.com /reservation/hostname
fetch shop.example.com '/order/echo?msg=rewritten'
until_it_is reservation pod_of shop.example.com /reservation/hostname
expect order "$(pod_of shop.example.com /order/hostname)"
expect rewritten "$(quietly shop.example.com '/order/echo?msg=rewritten')"
fetch shop.example.com /elsewhere
expect 404 "$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: shop.example.com' "$url/elsewhere")"

say "The endpoints take turns. With the cookie from the first answer it is always the same one."
cookies=$(mktemp)
folder=$(mktemp -d)
trap 'rm -rf "$cookies" "$folder"; cleanup' EXIT
expect 3 "$(for _ in 1 2 3 4 5 6 7 8 9; do quietly sticky.example.com /hostname; done | sort -u | wc -l | tr -d ' ')"
curl -s -o /dev/null -c "$cookies" -H 'Host: sticky.example.com' "$url/hostname"
grep MY_SESSION "$cookies"
same=$(for _ in 1 2 3 4 5 6; do quietly sticky.example.com /hostname -b "MY_SESSION=$(awk '/MY_SESSION/{print $7}' "$cookies")"; done | sort -u)
echo "$same"
expect 1 "$(echo "$same" | wc -l | tr -d ' ')"

say "The next version, first for those alone who ask for it by a header, then for everybody."
run apply -f "$here/ingress-canary.yaml"
until_it_is order pod_of sticky.example.com /hostname -H 'X-Canary: always'
expect reservation "$(pod_of sticky.example.com /hostname)"
run annotate ingress canary --overwrite nginx.ingress.kubernetes.io/canary-weight=100
until_it_is order pod_of sticky.example.com /hostname
expect reservation "$(pod_of sticky.example.com /hostname -H 'X-Canary: never')"
run delete ingress canary

if command -v openssl >/dev/null 2>&1; then
    say "TLS: the certificate is a Secret, chosen by the name that the browser asks for. Plain HTTP is sent there."
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=tls.example.com \
        -addext subjectAltName=DNS:tls.example.com -out "$folder/tls.crt" -keyout "$folder/tls.key" 2>/dev/null
    run create secret tls pair --cert="$folder/tls.crt" --key="$folder/tls.key"
    run create ingress tls --class=nginx --rule='tls.example.com/*=order:8080,tls=pair'
    until_it_is 127.0.0.1 ask get ingress tls -o 'jsonpath={.status.loadBalancer.ingress[0].ip}'
    port=$(ask ingress tls --url | sed -n 's|^https://[^:]*:*\([0-9]*\)$|\1|p')
    port=${port:-443}
    over_tls() { curl -s --cacert "$folder/tls.crt" --resolve "tls.example.com:$port:127.0.0.1" "https://tls.example.com:$port/hostname" | cut -d- -f1; }
    until_it_is order over_tls
    expect 308 "$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: tls.example.com' "$url/")"
    run get ingress tls
fi

say "What cannot be done is told, and does no harm to the rest."
run annotate ingress shop nginx.ingress.kubernetes.io/proxy-body-size=huge nginx.ingress.kubernetes.io/configuration-snippet='return 200;'
told() { ask get events --field-selector involvedObject.name=shop,type=Warning -o 'jsonpath={range .items[*]}{.message}{"\n"}{end}' | grep -c '^annotation'; }
until_it_is 2 told
run events --for ingress/shop --types=Warning
expect order "$(pod_of shop.example.com /order/hostname)"
