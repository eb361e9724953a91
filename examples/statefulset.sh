#!/bin/sh
# A StatefulSet: web-0, web-1 and web-2 come up in order, keep their names, and are updated from the last to the first.
#
#     examples/statefulset.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"

names() { ask get pods -l app=nginx --sort-by=.metadata.name -o 'jsonpath={.items[*].metadata.name}'; }
ready() { ask get statefulset web -o 'jsonpath={.status.readyReplicas}'; }
images() { ask get pods -l app=nginx --sort-by=.metadata.name -o 'jsonpath={.items[*].spec.containers[0].image}' |
    tr ' ' '\n' | sed 's/.*://' | xargs; }

say "Three pods, one after the other, each with a name of its own."
run apply -f "$here/statefulset.yaml"
run rollout status statefulset/web --timeout=90s
run get pods -l app=nginx
expect "web-0 web-1 web-2" "$(names)"
expect "web-0" "$(ask get pods -l app=nginx --sort-by=.metadata.creationTimestamp \
    -o 'jsonpath={.items[0].metadata.name}')"
expect "web-1.nginx" "$(ask get pod web-1 -o 'jsonpath={.spec.hostname}.{.spec.subdomain}')"

say "A pod that is lost comes back under its name, and it is another pod."
before=$(ask get pod web-1 -o 'jsonpath={.metadata.uid}')
run delete pod web-1
until_it_is 3 ready
[ "$before" != "$(ask get pod web-1 -o 'jsonpath={.metadata.uid}')" ] || expect "a new web-1" "the old one"

say "Fewer pods: the highest numbers go first."
run scale statefulset web --replicas=2
until_it_is "web-0 web-1" names
run scale statefulset web --replicas=3
until_it_is 3 ready

say "A canary: with a partition of 2, an update is for web-2 alone."
image=us-docker.pkg.dev/google-samples/containers/gke/hello-app
run patch statefulset web -p '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":2}}}}'
run set image statefulset/web "nginx=$image:2.0"
until_it_is "1.0 1.0 2.0" images
run rollout status statefulset/web --timeout=60s
run patch statefulset web -p '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}'
until_it_is "2.0 2.0 2.0" images
run rollout status statefulset/web --timeout=60s

say "And back."
run rollout history statefulset/web
run rollout undo statefulset/web
until_it_is "1.0 1.0 1.0" images
run rollout status statefulset/web --timeout=60s

run delete statefulset web
until_it_is "" ask get pods -o name
