#!/bin/sh
# Jobs: one that computes, one divided among three workers, one that fails for good.
#
#     examples/job.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"

say "A Job computes the first digits of pi, two shares of work are handed out, and one Job is hopeless."
run apply -f "$here/job.yaml"
run wait --for=condition=complete job/pi --timeout=60s
run logs job/pi
expect 3.14159265358979 "$(ask logs job/pi | cut -c1-16)"
run get job pi
expect 1 "$(ask get job pi -o 'jsonpath={.status.succeeded}')"

say "Each worker of an Indexed Job knows which share is its own."
run wait --for=condition=complete job/shares --timeout=60s
expect "share 0 share 1 share 2" "$(ask logs -l batch.kubernetes.io/job-name=shares | sort | xargs)"
expect 0-2 "$(ask get job shares -o 'jsonpath={.status.completedIndexes}')"

say "A pod failure policy says which failures are final: one try, and no more."
run wait --for=condition=failed job/hopeless --timeout=60s
expect "PodFailurePolicy 1" "$(ask get job hopeless \
    -o 'jsonpath={.status.conditions[?(@.type=="Failed")].reason} {.status.failed}')"
run describe job hopeless

say "The pods of a Job stay for their logs, and go with it."
run delete job pi shares hopeless
until_it_is "" ask get pods -o name
