#!/bin/sh
# A HorizontalPodAutoscaler: load comes, pods come; load goes, pods go.
#
#     examples/autoscaling.sh [MINIKCTL]
#
# The nodes have to run real containers: what is measured is their CPU time.
. "$(dirname "$0")/frame.sh"

size() { ask get deployment php-apache -o 'jsonpath={.spec.replicas}'; }
more() { [ "$(size)" -gt 1 ] && echo more; }
reason() { ask get hpa php-apache -o "jsonpath={.status.conditions[?(@.type==\"$1\")].reason}"; }

say "A web server whose answers cost CPU, and an autoscaler that wants its pods at half of what they request."
run apply -f "$here/autoscaling.yaml"
run rollout status deployment/php-apache --timeout=60s
until_it_is ValidMetricFound reason ScalingActive
run get hpa php-apache
run top pods
expect 1 "$(size)"

say "Somebody asks it again and again."
ip=$(ask get pods -l run=php-apache -o 'jsonpath={.items[0].status.podIP}')
run run load-generator --image=busybox:1.28 --restart=Never -- \
    /bin/sh -c "while sleep 0.01; do wget -q -O- http://$ip >/dev/null; done"
until_it_is more more
run get hpa php-apache
run top pods
run rollout status deployment/php-apache --timeout=60s

say "And stops."
run delete pod load-generator --grace-period=1
until_it_is 1 size
run describe hpa php-apache
