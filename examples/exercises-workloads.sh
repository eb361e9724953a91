#!/bin/sh
# A certification's exercise book, second half: workloads, their services, their faults, and nodes, a hundred commands long.
#
#     examples/exercises-workloads.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"
. "$here/exercises.sh"
ready() { run rollout status "deployment/$1" --timeout=90s; }
replicas() { ask get deployment "$1" -o 'jsonpath={.status.readyReplicas}'; }

say 'A deployment, from a template'
generate web.yaml create deployment web --image=nginx:1.25 --replicas=2 --port=80 --dry-run=client -o yaml
check 'deployment.apps/web created' create -f web.yaml --save-config
ready web
check '2' get deployment web -o 'jsonpath={.status.readyReplicas}'
check 'web' get replicasets -l app=web -o 'jsonpath={.items[0].metadata.ownerReferences[0].name}'
check 'deployment.apps/web scaled' scale deployment web --replicas=3
check 'deployment.apps/web condition met' wait --for='jsonpath={.status.readyReplicas}=3' deployment/web --timeout=60s
fails 'Expected replicas to be 2, was 3' scale deployment web --replicas=1 --current-replicas=2
check 'nginx:1.25' get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image}'
check '80' get deployment web -o 'go-template={{(index (index .spec.template.spec.containers 0).ports 0).containerPort}}'

say 'Rolling out, and back'
check 'deployment.apps/web image updated' set image deployment/web nginx=nginx:1.27
ready web
check 'deployment.apps/web annotated' annotate deployment web kubernetes.io/change-cause='version 1.27'
check '2         version 1.27' rollout history deployment/web
check 'deployment.apps/web image updated' set image deployment/web nginx=nginx:1.161
until_it_is 'False' ask get pods -l app=web -o 'jsonpath={.items[?(@.spec.containers[0].image=="nginx:1.161")].status.conditions[?(@.type=="Ready")].status}'
fails 'timed out waiting' rollout status deployment/web --timeout=2s
check 'deployment.apps/web rolled back' rollout undo deployment/web
ready web
check 'nginx:1.27' get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image}'
check 'deployment.apps/web rolled back' rollout undo deployment/web --to-revision=1
ready web
check 'nginx:1.25' get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image}'
check 'deployment.apps/web paused' rollout pause deployment/web
check 'deployment.apps/web env updated' set env deployment/web MODE=test
check 'deployment.apps/web resource requirements updated' set resources deployment/web --limits=cpu=200m,memory=64Mi --requests=cpu=50m
check 'true' get deployment web -o 'jsonpath={.spec.paused}'
fails "can't restart paused deployment" rollout restart deployment/web
check 'deployment.apps/web resumed' rollout resume deployment/web
ready web
check 'MODE=test' set env deployment/web --list
check '50m' get deployment web -o 'jsonpath={.spec.template.spec.containers[0].resources.requests.cpu}'
check 'deployment.apps/web restarted' rollout restart deployment/web
ready web
check 'deployment.apps/web env updated' set env deployment/web MODE-
check 'deployment.apps/web patched' patch deployment web -p '{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}'
check 'Recreate' get deployment web -o 'jsonpath={.spec.strategy.type}'
ready web

say 'Services'
check 'service/web exposed' expose deployment web --port=8080 --target-port=80
check '8080' get service web -o 'jsonpath={.spec.ports[0].port}'
until_it_is '3' ask get endpointslices -l kubernetes.io/service-name=web -o 'go-template={{len (index .items 0).endpoints}}'
check 'service/node created' create service nodeport node --tcp=80:80 --node-port=30999
check '30999' get service node -o 'jsonpath={.spec.ports[0].nodePort}'
check 'service/away created' create service externalname away --external-name=example.com
check 'ExternalName' get service away -o 'jsonpath={.spec.type}'
check 'service/web selector updated' set selector service web app=web,tier=front
until_it_is '0' ask get endpointslices -l kubernetes.io/service-name=web -o 'go-template={{len (index .items 0).endpoints}}'
check 'ingress.networking.k8s.io/front created' create ingress front --rule='shop.local/*=web:8080'
check 'shop.local' get ingress front -o 'jsonpath={.spec.rules[0].host}'
check 'service "node" deleted from exercises-workloads namespace' delete service node

say 'Autoscaling and budgets'
check 'horizontalpodautoscaler.autoscaling/web autoscaled' autoscale deployment web --min=1 --max=5 --cpu=80%
check '1-5' get hpa web -o 'jsonpath={.spec.minReplicas}-{.spec.maxReplicas}'
check 'horizontalpodautoscaler.autoscaling "web" deleted from exercises-workloads namespace' delete hpa web
check 'poddisruptionbudget.policy/web created' create poddisruptionbudget web --selector=app=web --min-available=1
check '1' get pdb web -o 'jsonpath={.spec.minAvailable}'
check 'poddisruptionbudget.policy "web" deleted from exercises-workloads namespace' delete pdb web
check 'priorityclass.scheduling.k8s.io/exercises-high created' create priorityclass exercises-high --value=1000
check '1000' get priorityclass exercises-high -o 'jsonpath={.value}'
check 'priorityclass.scheduling.k8s.io "exercises-high" deleted' delete priorityclass exercises-high

say 'Jobs'
check 'job.batch/once created' create job once --image=busybox -- sh -c 'echo done with it'
check 'job.batch/once condition met' wait --for=condition=Complete job/once --timeout=60s
check 'done with it' logs job/once
check '1' get job once -o 'jsonpath={.status.succeeded}'
generate cron.yaml create cronjob nightly --image=busybox --schedule='0 3 * * *' --dry-run=client -o yaml -- date
check 'cronjob.batch/nightly created' apply -f cron.yaml
check 'job.batch/now created' create job now --from=cronjob/nightly
check 'job.batch/now condition met' wait --for=condition=Complete job/now --timeout=60s
check 'cronjob.batch/nightly patched' patch cronjob nightly -p '{"spec":{"suspend":true}}'
check 'true' get cronjob nightly -o 'jsonpath={.spec.suspend}'
check 'cronjob.batch "nightly" deleted from exercises-workloads namespace' delete cronjob nightly
check 'job.batch "once" deleted from exercises-workloads namespace' delete job once

say 'Looking into pods'
check 'pod/talker created' run talker --image=busybox --command -- sh -c 'echo one; echo two >&2; sleep 3600'
check 'pod/talker condition met' wait --for=condition=Ready pod/talker --timeout=60s
until_it_is 'one
two' ask logs talker
check 'two' logs talker --tail=1
check 'hello' exec talker -- echo hello
fails 'command terminated with exit code 3' exec talker -- sh -c 'exit 3'
printf 'carried\n' >note.txt
run cp note.txt talker:/tmp/note.txt
check 'carried' exec talker -- cat /tmp/note.txt
run cp talker:/tmp/note.txt back.txt
cmp note.txt back.txt
run debug talker --image=busybox -c helper -- sh -c 'echo inside; sleep 600'
until_it_is 'helper' ask get pod talker -o 'jsonpath={.spec.ephemeralContainers[0].name}'
check 'Events:' describe pod talker
check 'Normal' events --for pod/talker --types=Normal --no-headers -o 'jsonpath={.items[0].type}'
check 'pod/talker' get pods --field-selector=spec.restartPolicy=Always -l run=talker -o name
check 'pod/crasher created' run crasher --image=busybox --command -- sh -c 'exit 7'
until_it_is '7' ask get pod crasher -o 'jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}'
check 'pod/missing created' run missing --image=nosuch.local/image:1
until_it_is 'ImagePullBackOff' ask get pod missing -o 'jsonpath={.status.containerStatuses[0].state.waiting.reason}'
check 'pod "crasher" force deleted from exercises-workloads namespace
pod "missing" force deleted from exercises-workloads namespace' delete pod crasher missing --force
check 'pod/huge created' run huge --image=busybox --overrides='{"spec":{"containers":[{"name":"huge","image":"busybox","resources":{"requests":{"cpu":"1000"}}}]}}'
until_it_is 'Unschedulable' ask get pod huge -o 'jsonpath={.status.conditions[?(@.type=="PodScheduled")].reason}'
check 'pod "huge" deleted from exercises-workloads namespace' delete pod huge

check 'Running' get pod talker -o 'go-template={{range .status.containerStatuses}}{{if .state.running}}Running{{end}}{{end}}'

say 'Nodes'
check 'node-1 node-2' get nodes -l kubernetes.io/os=linux -o 'jsonpath={.items[*].metadata.name}'
check 'Unschedulable:      false' describe node node-1
check 'service/web labeled' label service web exercise=done
check 'service/web' get services -l exercise=done -o name
check 'node/node-2 cordoned' cordon node-2
check 'true' get node node-2 -o 'jsonpath={.spec.unschedulable}'
check 'node/node-2 uncordoned' uncordon node-2
check 'node/node-2 tainted' taint node node-2 exercise=on:NoSchedule
check 'exercise' get node node-2 -o 'jsonpath={.spec.taints[?(@.value=="on")].key}'
check 'node/node-2 untainted' taint node node-2 exercise-
check 'node/node-2 labeled' label node node-2 exercise=disk
generate picky.yaml run picky --image=busybox --overrides='{"spec":{"nodeSelector":{"exercise":"disk"}}}' --dry-run=client -o yaml --command -- sleep 3600
check 'pod/picky created' apply -f picky.yaml
check 'pod/picky condition met' wait --for=condition=Ready pod/picky --timeout=60s
check 'node-2' get pod picky -o 'jsonpath={.spec.nodeName}'
check 'pod "picky" deleted from exercises-workloads namespace' delete pod picky --now
check 'node/node-2 unlabeled' label node node-2 exercise-
check 'deployment.apps "web" deleted from exercises-workloads namespace' delete deployment web
check 'pod "talker" deleted from exercises-workloads namespace' delete pod talker --now
echo 'All exercises done.'
