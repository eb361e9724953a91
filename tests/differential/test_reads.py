"""Reading: the real kubectl through the HTTP API and minikctl, on the files and over HTTP, print the same bytes."""

from __future__ import annotations

import shlex

import pytest

from tests.differential.conftest import Doors, shown

READS = """
get pods,deploy,rs,svc -A
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
"""
CONFIG = """
config view
config current-context
config get-contexts
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
