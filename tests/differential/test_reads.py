"""Reading: the real kubectl through the HTTP API and minikctl, on the files and over HTTP, print the same bytes."""

from __future__ import annotations

import shlex

import pytest

from tests.differential.conftest import Doors, shown

READS = """
get pods,deploy,rs,svc -A
plugin list
get pods -o json
get pods -o yaml
get pods -o name
get pods -o jsonpath={.items[*].metadata.name}
get pods -o jsonpath-as-json={.items[*].metadata.labels}
get pods -o go-template={{range.items}}{{.metadata.name}}{{end}}
get pods -o custom-columns=N:.metadata.name,I:.spec.containers[*].image
get pods -o kyaml
get pod solo -o json
get pods --show-labels
get pods -L app,run
get pods --no-headers
get pods --sort-by=.metadata.name
get pods --sort-by=.spec.nodeName -o wide
get pods -l app=web
get pods -l app!=web
get pods -l 'app in (web,db)'
get pods --field-selector status.phase=Running
get pods --field-selector spec.nodeName=node-1 -o wide
get pods --field-selector nope=1
get pods -l 'a=='
get deploy,svc,cm
get deploy/web svc/web
get deploy web nope
get nope
get pods nope
get pods nope --ignore-not-found
get pod/solo deploy/web -o name
get rs -o wide
get svc -o wide
get ing,netpol,pdb,hpa
get jobs,cj,sts,ds
get jobs,cj,sts,ds -o wide
get cm,secret,sa
get pv,pvc,sc
get quota,limits -n team
get roles,rolebindings
get clusterrole pod-reader
get clusterrolebinding all-read -o wide
get ns
get ns --show-labels
get leases -A
get events
get endpoints
get endpointslices
get priorityclasses
get secrets login -o yaml
get sa robot -o yaml
get cm -A
get cm -n team -o name
get cm -n nope
get nodes
get node node-1 -o yaml
get --raw /api/v1/namespaces/default/configmaps/settings
get --raw /healthz
get --raw /nope
get --raw nope
get deploy web -o yaml --show-managed-fields
get deploy web -o jsonpath={.spec.replicas}
get deploy web -o jsonpath={.nope}
get deploy web -o jsonpath={.spec
get deploy web -o go-template={{.spec.replicas}}
get deploy web -o go-template={{.nope.x}}
get deploy web -o custom-columns=N:.metadata.name,X:.nope
get deploy web -o custom-columns=bad
get deploy web -o nope
get pods -w --request-timeout 1
get pods -A -o wide --show-labels
get all -n team
get all -n team -o name
get all -n nope
get all,cm -n team
get deployments.apps
get deployments.v1.apps
get deploy.apps/web
get Deployment
get po,no
get svc web -o json
get svc --sort-by=.spec.clusterIP
get pods --chunk-size=2
get pods --chunk-size=2 -o name
get pods --server-print=false
get deploy --server-print=false
get pods --output-watch-events
get ns default team nope
get pods -A --field-selector metadata.namespace=team
get deploy/web --subresource=scale
get deploy/web --subresource=status -o name
get deploy/web --subresource=scale -o yaml
get pods a/b/c
get pods/solo svc
get -f nope.yaml
get
get --raw /apis
get --raw /apis/apps/v1
get --raw '/api/v1/pods?labelSelector=app%3Dweb&limit=2'
get --raw /api/v1/namespaces/default/configmaps
get --raw '/healthz?verbose'
get --raw /version
get --raw /livez
describe pods
describe deploy
describe rs
describe svc
describe nodes
describe node node-1
describe cm
describe cm settings binary
describe secret
describe sa
describe ns
describe ns team
describe pv
describe pvc
describe sc
describe quota -n team
describe limits -n team
describe role
describe rolebinding
describe clusterrole pod-reader
describe clusterrolebinding all-read
describe ing
describe netpol
describe pdb
describe hpa
describe job
describe cj
describe sts
describe ds
describe lease -n kube-node-lease
describe priorityclass high
describe nope
describe pod nope
describe pod sol
describe deploy/web svc/web
describe pods -l app=web
describe pods -l app=none
describe pod solo --show-events=false
describe
api-resources
api-resources -o wide
api-resources -o name
api-resources --namespaced=true
api-resources --namespaced=false --no-headers
api-resources --api-group=apps
api-resources --api-group=
api-resources --verbs=list,get
api-resources --categories=all
api-versions
version --client
rollout status deploy/web
rollout history deploy/web
rollout history deploy/web --revision=1
rollout history deploy/web --revision=9
rollout history sts/db
rollout history ds/agent
rollout status deploy/nope
logs
logs nope
exec nope -- ls
wait pod/solo --for=condition=Ready --timeout=1s
wait pod/nope --for=condition=Ready --timeout=1s
wait pods -l app=web --for=condition=Ready --timeout=5s
wait deploy/web --for=condition=Available --timeout=2s
wait deploy/web --for=jsonpath={.spec.replicas}=3 --timeout=2s
wait deploy/web --for=jsonpath={.spec.replicas}=4 --timeout=1s
wait deploy/web --for=delete --timeout=1s
wait deploy/nope --for=delete --timeout=1s
wait deploy/web --for=create --timeout=1s
apply view-last-applied deploy/web
explain pods
explain pod.spec.containers
explain pods.spec --recursive
explain deploy.spec.strategy
explain deployments --api-version=apps/v1
explain nope
explain pods.nope
explain pods --output=plaintext-openapiv2
explain pods.spec.containers.livenessProbe --output=plaintext-openapiv2
explain cm.data
explain crd.spec.versions
explain pods.status.phase
explain
explain pods -o nope
events
events -A
events --for pod/solo
events --types=Warning
events --types=Nope
events -o json
top pods
top nodes
auth can-i list pods
auth can-i list pods -A
auth can-i create deploy -n team
auth can-i get nope
auth can-i
auth can-i get pods --subresource=log
auth can-i '*' '*'
auth can-i list nodes -n team
auth whoami
auth can-i --list
get pods -o jsonpath-file=nofile
get pods -o custom-columns-file=nofile
get pods -o go-template-file=nofile
get deploy web -o jsonpath={.metadata.labels.app}{"\\n"}
get deploy web -o 'jsonpath={range .spec.template.spec.containers[*]}{.name}{"\\t"}{.image}{"\\n"}{end}'
get pods -o 'jsonpath={.items[?(@.metadata.labels.run=="solo")].metadata.name}'
get pods -o 'jsonpath={.items[0].spec.containers[-1:].name}'
get deploy web -o 'go-template={{range $k,$v := .metadata.labels}}{{$k}}={{$v}} {{end}}'
get deploy web -o 'go-template={{len .spec.template.spec.containers}}'
get deploy web -o 'go-template={{if eq .spec.replicas 3.0}}yes{{else}}no{{end}}'
get secret login -o 'go-template={{.data.user | base64decode}}'
get deploy web -o 'go-template={{'
get deploy web -o 'go-template={{nope}}'
get pods --sort-by=.spec.containers[0].image
get pods --sort-by=.nope
get pods --sort-by='{.metadata.creationTimestamp}' -o name
get svc,deploy -o wide --show-labels
get svc,deploy --show-kind
get pods --show-kind -L app
get pods -A -o name
get pods -A -o custom-columns=NS:.metadata.namespace,N:.metadata.name --no-headers
get pods -A --sort-by=.metadata.name
get pods -A -l app=api --no-headers -o wide
get deploy -o jsonpath='{.items[*].spec.replicas}'
get clusterroles pod-reader -o yaml
get ing front -o yaml
get netpol deny -o json
get pdb -o wide
get hpa -o yaml
get sts db -o json
get cj nightly -o yaml
get pv,pvc,sc -o wide
get sa -A
get leases -n kube-node-lease -o yaml
get limits,quota -n team -o yaml
get rolebindings -o wide
get ns -o json
get node -o name
get nodes --show-labels
get nodes -L kubernetes.io/hostname
get nodes -o jsonpath='{.items[*].status.capacity.cpu}'
get po -n team -o kyaml
get cm settings -o kyaml
get cm,secret -o kyaml
get deploy web -o kyaml
get pods/solo -o kyaml --show-managed-fields
get pods --field-selector=status.phase!=Running
get pods --field-selector=metadata.name=solo,status.phase=Running
get cm --field-selector=metadata.name=settings
get events --field-selector=type=Warning
get secrets --field-selector=type=Opaque
get pods -l app
get pods -l '!app'
get pods -l 'app notin (web)'
get pods -l app=web,tier=x
get pods -l ''
get pods -l 'app in ()'
get pods solo -l app=web
get pods --all-namespaces solo
get pods,svc solo
get deploy web -n team
get deploy/api -n team -o wide
get rs -n team
get rs -l app=web -o name
get crd
get validatingwebhookconfigurations
get csr
get flowschemas
get apiservices
get runtimeclasses
get ingressclasses
get controllerrevisions
get replicationcontrollers
get podtemplates
get volumeattachments
get csidrivers,csinodes
get ipaddresses
get servicecidrs
get mutatingwebhookconfigurations
get validatingadmissionpolicies
describe sa robot
describe secret login
describe pod/solo deploy/web
describe svc/node svc/outside
describe svc -n team headless
describe rs -n team
describe deploy -n team api
describe events
describe endpoints
describe endpointslices
describe storageclass fast
describe ingress front
describe csr
describe crd
describe runtimeclass
describe -n nope pods
describe all
describe all -n team
describe pods -A
describe deploy web -o yaml
describe node/node-2 node/node-3
describe ns default kube-system
describe limitrange,quota -n team
rollout history deploy
rollout history deploy -n team
rollout history deploy/web -o yaml
rollout history deploy/web --revision=2 -o json
rollout status deploy
rollout status deploy -n team
rollout status sts/db --timeout=1s
rollout status ds/agent --timeout=1s
rollout history cm/settings
rollout status pod/solo
rollout nope
logs solo -c nope
logs deploy/nope
logs -l app=none
exec solo
exec
attach nope
cp nope:/x /tmp/y
port-forward nope 80
port-forward
debug nope
get pods --as=ann
get pods --warnings-as-errors
get pods --nope
get pods -z
get pods --output
get pods -o=name
get -o name pods
-n team get pods
--namespace=team get pods -o name
get --namespace team pods
get pods --request-timeout=x
get pods --request-timeout=5
get pods -- solo
wait --for=condition=Ready
wait pods --all --for=condition=Ready --timeout=1s
wait pods --for=condition=Ready
wait pod/solo --for=nope
wait pod/solo --for=jsonpath={.status.phase}=Running --timeout=1s
wait pod/solo --for=jsonpath={.status.phase} --timeout=1s
wait pod/solo --for=condition=Nope --timeout=0s
wait pod/solo --timeout=1s
wait job/pi --for=condition=Complete --timeout=1s
diff -f nofile
diff
api-resources --sort-by=nope
api-resources -o nope
api-resources --verbs=bind
api-versions x
version --client -o nope
get pods --sort-by={.nope}
get sts.v1.apps
get hpa.v1.autoscaling
get hpa.v1.autoscaling -o yaml
get horizontalpodautoscalers.v1.autoscaling -o yaml
get cj.batch -o name
get rc,sts,ds,job,cj -A
get rc,sts,ds,job,cj -o name
get pv,sc,pc -o name
get pdb,hpa,ing,netpol -A -o wide
get sts db --subresource=scale -o yaml
get sts db --subresource=status -o jsonpath={.status.replicas}
get sts,ds -o custom-columns=K:.kind,N:.metadata.name,S:.spec.selector.matchLabels
get ds agent -o jsonpath={.spec.updateStrategy.type}
get cj nightly -o go-template={{.spec.schedule}}
get jobs --sort-by=.metadata.name --show-labels
get pvc --field-selector metadata.name=nope
get quota,limits -A --no-headers
get hpa --show-labels
describe sts,ds,job,cj -A
describe hpa,pdb,netpol,ing
describe pv,sc,pc
describe quota,limits -A
explain sts.spec.updateStrategy
explain ds.spec.updateStrategy.rollingUpdate
explain job.spec.podFailurePolicy --recursive
explain cj.spec.concurrencyPolicy
explain hpa.spec.behavior
explain hpa --api-version=autoscaling/v1
explain pdb.spec
explain pvc.spec.resources
explain netpol.spec.ingress
explain ing.spec.rules.http.paths
explain quota.spec.scopeSelector
rollout history sts
rollout status ds --timeout=1s
wait sts/db --for=jsonpath={.spec.replicas}=2 --timeout=1s
wait hpa --all --for=condition=AbleToScale --timeout=0s
auth can-i create statefulsets.apps/scale
auth can-i update hpa
api-resources --api-group=batch -o wide
api-resources --api-group=autoscaling
api-resources --api-group=policy -o name
"""
CONFIG = """
config get-contexts nope
config use-context nope
config view -o jsonpath={.contexts[0].name}
config current-context
config get-contexts -o name
config get-clusters
config get-users
config view --minify
config view -o json
"""


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize("line", lines(READS))
def test_reads(doors: Doors, line: str) -> None:
    argv = shlex.split(line)
    wanted = shown(doors.kubectl(*argv))
    assert shown(doors.files(*argv)) == wanted
    assert shown(doors.http(*argv)) == wanted


@pytest.mark.parametrize("line", lines(CONFIG))
def test_config(doors: Doors, line: str) -> None:
    argv = shlex.split(line)
    assert shown(doors.files(*argv, KUBECONFIG=doors.config())) == shown(doors.kubectl(*argv))
