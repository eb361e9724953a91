"""Writing: the real kubectl through the HTTP API and minikctl on the files say the same and leave the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.differential.conftest import Doors
from tests.differential.writing import run_both
from tests.support.cluster import TestCluster
from tests.support.http import serving


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A cluster that tests write to, each in namespaces of its own."""
    folder = tmp_path_factory.mktemp("written")
    cluster = TestCluster(folder / "state", live=True)
    (folder / "home").mkdir()
    with serving(cluster) as url:
        yield Doors(cluster, url, folder / "home")
    cluster.close()


WEB = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: c
        image: nginx:1.27
        ports: [{containerPort: 80}]
        env: [{name: A, value: "1"}]
"""
SETTINGS = """apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web}}
data: {a: "1", b: "2"}
"""
FILES = {
    "web.yaml": WEB,
    "web2.yaml": WEB.replace("replicas: 2", "replicas: 3").replace("nginx:1.27", "nginx:1.28"),
    "cm.yaml": SETTINGS,
    "cm2.yaml": SETTINGS.replace('a: "1", ', 'c: "3", '),
    "words.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: words}\ndata: {a: erste}\n",
    "cm-json.json": '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"j"},"data":{"x":"y"}}',
    "both.yaml": f"{SETTINGS}---\n{WEB}",
    "unknown-field.yaml": SETTINGS + "dta: {}\n",
    "unknown-kind.yaml": "apiVersion: example.com/v1\nkind: Nothing\nmetadata: {name: x}\n",
    "other-namespace.yaml": SETTINGS.replace("name: settings", "name: settings, namespace: elsewhere"),
    "bad-name.yaml": SETTINGS.replace("name: settings", "name: Bad_Name"),
    "bad-pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c}], restartPolicy: Maybe}\n",
    "broken.yaml": "a: b: c\n",
    "empty.yaml": "",
    "list.yaml": f"apiVersion: v1\nkind: List\nitems:\n- {SETTINGS.replace(chr(10), chr(10) + '  ')}",
    "pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {run: p}}\nspec: {containers: [{name: c, image: busybox}]}\n",
    "node.yaml": "apiVersion: v1\nkind: Node\nmetadata: {name: NS}\n",
    "env.txt": "ONE=1\nTWO=two words\n# no\n",
    "text.txt": "some\ntext\n",
    "patch.yaml": "data:\n  p: q\n",
}

SCRIPTS = {
    "configmaps": """
create configmap a --from-literal=x=1 --from-literal=y=2
create configmap a --from-literal=x=1
create configmap files --from-file=text.txt --from-file=t=env.txt
create configmap env --from-env-file=env.txt
create configmap dry --from-literal=a=b --dry-run=client -o yaml
create configmap dry --from-literal=a=b --dry-run=server
create configmap bad --from-literal=x
create configmap bad --from-file=nofile
create configmap
get cm
get cm -o name
describe cm a
label cm a k=v
label cm a k=w
label cm a k=w --overwrite
label cm a k-
label cm nope k=v
label cm --all tier=x
annotate cm a note=hello
annotate cm a note-
get cm --show-labels
delete cm a
delete cm a
delete cm a --ignore-not-found
delete cm -l tier=x
get cm
""",
    "apply": """
apply -f both.yaml
apply -f both.yaml
get deploy,cm
apply view-last-applied cm/settings
diff -f web2.yaml
apply -f web2.yaml
apply -f web2.yaml --dry-run=server
apply -f cm2.yaml
get cm settings -o yaml
apply -f cm-json.json -o name
apply -f pod.yaml --dry-run=client -o yaml
apply -f - < cm.yaml
apply set-last-applied -f cm2.yaml
apply -f unknown-field.yaml
apply -f unknown-kind.yaml
apply -f list.yaml
apply -f other-namespace.yaml
apply -f bad-name.yaml
apply -f bad-pod.yaml
apply -f broken.yaml
apply -f empty.yaml
apply -f nofile.yaml
apply
delete -f both.yaml
delete -f both.yaml
delete -f both.yaml --ignore-not-found
""",
    "server-side": """
apply --server-side -f cm.yaml
apply --server-side -f cm.yaml
apply --server-side -f cm2.yaml --field-manager=other
apply --server-side -f cm.yaml --field-manager=other
apply --server-side -f cm2.yaml --field-manager=third --force-conflicts
patch cm settings --type=merge -p {"data":{"b":"9"}}
apply --server-side -f cm.yaml
apply --server-side --force-conflicts -f cm.yaml
get cm settings -o yaml --show-managed-fields
apply --server-side -f web.yaml
scale deploy web --replicas=5
apply --server-side -f web.yaml
apply --server-side -f web2.yaml --dry-run=server
apply -f web.yaml
apply -f cm.yaml
""",
    "deployments": """
create deployment web --image=nginx:1.27 --replicas=2 --port=80
create deployment web --image=nginx
create deployment two --image=a --image=b
create deployment three --image=a -- sleep 5
create deployment bad
scale deploy web --replicas=4
scale deploy web --replicas=1 --current-replicas=2
scale deploy/web deploy/two --replicas=2
scale deploy nope --replicas=1
set image deploy/web nginx=nginx:1.28
set image deploy/web nope=nginx:1.28
set env deploy/web A=1 B=2
set env deploy/web A-
set env deploy/web --list
set resources deploy/web --limits=cpu=200m,memory=512Mi
set resources deploy/web
set serviceaccount deploy/web robot
set selector svc/web app=other
expose deploy web --port=80 --target-port=8080
expose deploy web --port=80
expose deploy two --type=NodePort --port=1 --name=np
autoscale deploy web --min=1 --max=5 --cpu=80%
rollout pause deploy/web
rollout pause deploy/web
rollout resume deploy/web
rollout restart deploy/nope
rollout history deploy/web
rollout undo deploy/web
get deploy web -o yaml
get svc,hpa
delete deploy --all
delete all --all
""",
    "create": """
create namespace NS-x
create namespace NS-x
create serviceaccount robot
create role reader --verb=get,list --resource=pods,deployments.apps
create role bad --verb=get
create role bad --verb=get --resource=nope
create rolebinding readers --role=reader --serviceaccount=NS:robot --user=ann
create clusterrole NS --verb=get --resource=nodes
create clusterrolebinding NS --clusterrole=NS --group=g
create secret generic s --from-literal=a=b
create secret generic typed --type=example.com/x --from-file=text.txt
create secret docker-registry reg --docker-server=r.example --docker-username=u --docker-password=p
create secret tls t --cert=nofile --key=nofile
create service clusterip c --tcp=80:8080
create service nodeport n --tcp=80
create service externalname e --external-name=example.com
create service loadbalancer l --tcp=443:8443
create service clusterip h --clusterip=None
create ingress i --rule=a.example/x*=svc:80 --class=nginx
create job j --image=busybox -- date
create cronjob cj --image=busybox --schedule='*/5 * * * *' -- date
create job from --from=cronjob/cj
create poddisruptionbudget b --selector=app=web --min-available=1
create quota q --hard=pods=5,services=20
create priorityclass NS --value=5 --description=x
create -f pod.yaml
create -f pod.yaml
create -f bad-pod.yaml
create -f unknown-field.yaml
create -f cm.yaml --validate=ignore
create -f unknown-field.yaml --validate=warn
get sa,role,rolebinding,secret,svc,ing,job,cj,pdb,quota
describe role reader
describe secret s
describe svc c
get secret s -o jsonpath={.data.a}
""",
    "patches": """
create -f web.yaml
create -f cm.yaml
patch deploy web -p {"spec":{"replicas":7}}
patch deploy web -p {"spec":{"replicas":7}}
patch deploy web --type=json -p '[{"op":"replace","path":"/spec/replicas","value":1}]'
patch deploy web --type=json -p '[{"op":"remove","path":"/nope"}]'
patch deploy web --type=merge -p {"metadata":{"labels":{"x":"y"}}}
patch deploy web -p '{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"nginx:1.29"},{"name":"d","image":"redis"}]}}}}'
patch deploy web -p {"spec":{"selector":{"matchLabels":{"app":"no"}}}}
patch deploy web -p nojson
patch deploy nope -p {}
patch cm settings --patch-file=patch.yaml
patch cm settings -p {"data":null} --dry-run=server -o yaml
patch deploy web --subresource=scale --type=merge -p {"spec":{"replicas":3}}
patch deploy web --subresource=status --type=merge -p {"status":{"replicas":3}}
replace -f cm2.yaml
replace -f web2.yaml
replace --force -f cm.yaml
replace -f cm-json.json
get deploy web -o yaml
get cm settings -o yaml
""",
    "pods": """
run p --image=nginx --labels=a=b --env=X=1 --port=80
run p --image=nginx
run q --image=busybox --restart=Never --dry-run=client -o yaml -- sleep 1
run r --image=busybox --command -- sh -c true
run bad --image='a b'
get pods
get pods -o wide
describe pod p
wait pod/p --for=condition=Ready --timeout=1s
expose pod p --port=80
label pods --all x=y
delete pod p --now
delete pod p r --wait=false
logs r
exec r -- ls
get pods
""",
    "nodes": """
create -f node.yaml
get node NS
taint node NS a=b:NoSchedule
taint node NS a=b:NoSchedule
taint node NS a=c:NoSchedule --overwrite
taint node NS a-
taint node NS a-
taint node nope a=b:NoSchedule
cordon NS
cordon NS
get node NS
uncordon NS
uncordon NS
cordon nope
label node NS disk=ssd
describe node NS
delete node NS
""",
    "edits": """
create -f words.yaml
KUBE_EDITOR='sed -i s/erste/zweite/' edit cm/words
KUBE_EDITOR=true edit cm/words
KUBE_EDITOR=false edit cm/words
edit cm/nope
get cm words -o yaml
""",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_writes(written: Doors, name: str) -> None:
    run_both(written, name, SCRIPTS[name], FILES)
