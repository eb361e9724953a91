#!/bin/sh
# A CronJob that prints the date every minute, the shortest time there is between two Jobs.
#
#     examples/cronjob.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"

say "A CronJob makes a Job at every time of its schedule: here when the next minute begins."
run apply -f "$here/cronjob.yaml"
run get cronjob hello
run wait --for=jsonpath='{.status.lastSuccessfulTime}' cronjob/hello --timeout=90s
run get cronjob hello
run get jobs

say "What did it do?"
first=$(ask get jobs -o 'jsonpath={.items[0].metadata.name}')
run logs "job/$first"
expect "Hello from the Kubernetes cluster" "$(ask logs "job/$first" | tail -1)"

say "Suspended, it makes no more; one can still be made by hand."
run patch cronjob hello -p '{"spec":{"suspend":true}}'
run create job by-hand --from=cronjob/hello
run wait --for=condition=complete job/by-hand --timeout=60s

say "Its Jobs go with it."
run delete cronjob hello
until_it_is "" ask get jobs,pods -o name
