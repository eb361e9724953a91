#!/bin/sh
# A canary: one pod of the next version among those of the present one; the share of visitors follows the number of pods.
#
#     examples/canary.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"

endpoints() { # how many pods the Service has
    ask get endpointslices -l kubernetes.io/service-name=web \
        -o 'jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].addresses[0]}' | wc -w | tr -d ' '
}
share() { # share LOW HIGH: of fifty answers, that many are to come from the new version
    found=$(answers web 50 'Version: 2.0.0')
    echo "$found of 50 answers came from the new version"
    if [ "$found" -lt "$1" ] || [ "$found" -gt "$2" ]; then expect "$1 to $2" "$found"; fi
}

say "Four pods of version 1.0, one of version 2.0, one Service for all five: about every fifth answer is new."
run apply -f "$here/canary.yaml"
run rollout status deployment/stable --timeout=60s
run rollout status deployment/canary --timeout=60s
until_it_is 5 endpoints
run get pods -L track
share 1 24

say "It does well: more of it, and less of the old one."
run scale deployment canary --replicas=4
run rollout status deployment/canary --timeout=60s
run scale deployment stable --replicas=1
until_it_is 5 endpoints
share 26 49

say "All of it: the stable Deployment becomes version 2.0, and the canary goes."
run set image deployment/stable web=us-docker.pkg.dev/google-samples/containers/gke/hello-app:2.0
run scale deployment stable --replicas=4
run rollout status deployment/stable --timeout=60s
run delete deployment canary
until_it_is 4 endpoints
share 50 50
