#!/bin/sh
# A certification's exercise book, first half: making, changing and asking about objects, a hundred commands long.
#
#     examples/exercises-configuration.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"
needs_sandbox
. "$here/exercises.sh"
ask delete namespace exercises-blue --ignore-not-found >/dev/null

say 'Namespaces and the first pod'
check 'namespace/exercises-blue created' create namespace exercises-blue
check "exercises-blue   Active" get namespace exercises-blue --no-headers -o custom-columns='N:.metadata.name,S:.status.phase'
generate pod.yaml run web --image=busybox --dry-run=client -o yaml --command -- sh -c 'sleep 3600'
check 'pod/web created' create -f pod.yaml
check 'pod/web condition met' wait --for=condition=Ready pod/web --timeout=60s
check 'busybox' get pod web -o 'jsonpath={.spec.containers[0].image}'
check 'pod/web' get -f pod.yaml -o name
check 'Running' get pod web -o 'go-template={{.status.phase}}'
fails 'AlreadyExists' create -f pod.yaml
fails 'pods "nobody" not found' get pod nobody
check '' get pod nobody --ignore-not-found
check 'pod/other created' -n exercises-blue run other --image=busybox --command -- sleep 3600
check 'other' get pods -A --field-selector=metadata.namespace=exercises-blue -o 'jsonpath={.items[*].metadata.name}'
check 'pod "other" force deleted from exercises-blue namespace' -n exercises-blue delete pod other --force

say 'Labels and annotations'
check 'pod/web labeled' label pod web tier=front env=test
check 'pod/web labeled' label pod web env=prod --overwrite
fails "already has a value" label pod web env=dev
check 'pod/web' get pods -l 'env in (prod,dev),tier' -o name
check '' get pods -l '!tier' -o name
check 'pod/web unlabeled' label pod web tier-
check 'front=' get pod web -o 'go-template=front={{with .metadata.labels.tier}}{{.}}{{end}}'
check 'pod/web annotated' annotate pod web owner='team blue' note=hello
check 'team blue' get pod web -o 'jsonpath={.metadata.annotations.owner}'
check 'pod/web annotated' annotate pod web note-
check 'namespace/exercises-blue labeled' label namespace exercises-blue team=blue
check 'exercises-blue' get namespaces -l team=blue -o 'jsonpath={.items[*].metadata.name}'

say 'ConfigMaps'
printf 'colour=green\nsize=10\n' >settings.env
printf 'key = value\n' >app.conf
check 'configmap/literal created' create configmap literal --from-literal=a=1 --from-literal=b=two
check 'configmap/fromfile created' create configmap fromfile --from-file=app.conf --from-file=other=app.conf
check 'configmap/fromenv created' create configmap fromenv --from-env-file=settings.env
check 'green 10' get configmap fromenv -o 'jsonpath={.data.colour} {.data.size}'
check 'key = value' get configmap fromfile -o 'jsonpath={.data.app\.conf}'
check 'configmap/literal patched' patch configmap literal -p '{"data":{"c":"3"}}'
check 'configmap/literal patched' patch configmap literal --type=json -p '[{"op":"remove","path":"/data/a"}]'
check 'configmap/literal patched' patch configmap literal --type=merge -p '{"data":{"b":null}}'
check '{"c":"3"}' get configmap literal -o 'jsonpath={.data}'
fails '--type must be one of' patch configmap literal --type=nonsense -p '{}'
check 'configmap/literal edited' edit configmap literal
check 'edited' get configmap literal -o 'jsonpath={.data.c}'
generate literal.yaml get configmap literal -o yaml
check 'configmap/literal replaced' replace -f literal.yaml
check 'configmap "fromfile" deleted from exercises-configuration namespace' delete configmap fromfile
check 'fromenv kube-root-ca.crt literal' get configmaps -o 'jsonpath={.items[*].metadata.name}'

say 'Secrets and what uses them'
check 'secret/login created' create secret generic login --from-literal=user=admin --from-literal=password=s3cret
check 's3cret' get secret login -o 'go-template={{.data.password|base64decode}}'
check 'Opaque' get secret login -o 'jsonpath={.type}'
check 'secret/registry created' create secret docker-registry registry --docker-server=r.local --docker-username=u --docker-password=p
check 'kubernetes.io/dockerconfigjson' get secret registry -o 'jsonpath={.type}'
cat >reader.yaml <<'Y'
apiVersion: v1
kind: Pod
metadata: {name: reader}
spec:
  restartPolicy: Never
  containers:
  - name: reader
    image: busybox
    command: [sh, -c, 'echo $USER_NAME $colour; cat /etc/login/password; echo; sleep 3600']
    env: [{name: USER_NAME, valueFrom: {secretKeyRef: {name: login, key: user}}}]
    envFrom: [{configMapRef: {name: fromenv}}]
    volumeMounts: [{name: login, mountPath: /etc/login}]
  volumes: [{name: login, secret: {secretName: login}}]
Y
check 'pod/reader created' apply -f reader.yaml
check 'pod/reader condition met' wait --for=condition=Ready pod/reader --timeout=60s
until_it_is 'admin green
s3cret' ask logs reader
check 'admin' exec reader -- sh -c 'echo $USER_NAME'
check 'pod/reader' get pods --field-selector=status.phase=Running,metadata.name!=web -o name

say 'Applying, and what would change'
generate web.yaml create deployment shop --image=busybox --replicas=1 --dry-run=client -o yaml -- sleep 3600
check 'deployment.apps/shop created' apply -f web.yaml
check 'deployment.apps/shop unchanged' apply -f web.yaml
sed -i 's/replicas: 1/replicas: 2/' web.yaml
differs diff -f web.yaml
check 'deployment.apps/shop configured (server dry run)' apply -f web.yaml --dry-run=server
check 'deployment.apps/shop configured' apply -f web.yaml
check '2' get deployment shop -o 'jsonpath={.spec.replicas}'
run diff -f web.yaml
check 'apiVersion: apps/v1' apply view-last-applied deployment/shop
check 'deployment.apps/shop serverside-applied' apply --server-side --force-conflicts -f web.yaml
check 'kubectl' get deployment shop --show-managed-fields -o 'jsonpath={.metadata.managedFields[?(@.operation=="Apply")].manager}'
mkdir -p shop
cat >shop/kustomization.yaml <<'Y'
namePrefix: my-
resources: [web.yaml]
images: [{name: busybox, newTag: "1.36"}]
configMapGenerator: [{name: settings, literals: [a=b]}]
Y
cp web.yaml shop/web.yaml
generate built.yaml kustomize shop
check 'configmap/my-settings-4h2mbtbbt6 created
deployment.apps/my-shop created' apply -k shop
check 'busybox:1.36' get deployment my-shop -o 'jsonpath={.spec.template.spec.containers[0].image}'
check 'configmap "my-settings-4h2mbtbbt6" deleted from exercises-configuration namespace
deployment.apps "my-shop" deleted from exercises-configuration namespace' delete -k shop

say 'Accounts and rights'
check 'serviceaccount/robot created' create serviceaccount robot
check 'role.rbac.authorization.k8s.io/reader created' create role reader --verb=get,list --resource=pods,configmaps
check 'rolebinding.rbac.authorization.k8s.io/robot-reads created' create rolebinding robot-reads --role=reader --serviceaccount=exercises-configuration:robot
check 'yes' auth can-i list pods --as=system:serviceaccount:exercises-configuration:robot
refuses 'no' auth can-i delete pods --as=system:serviceaccount:exercises-configuration:robot
check 'yes' auth can-i '*' '*'
fails 'is forbidden' delete pod web --as=system:serviceaccount:exercises-configuration:robot
check 'pods,configmaps' get role reader -o 'jsonpath={.rules[0].resources[0]},{.rules[0].resources[1]}'
check 'clusterrole.rbac.authorization.k8s.io/exercises-nodes created' create clusterrole exercises-nodes --verb=get --resource=nodes
check 'clusterrolebinding.rbac.authorization.k8s.io/exercises-nodes created' create clusterrolebinding exercises-nodes --clusterrole=exercises-nodes --user=joe
check 'yes' auth can-i get nodes --as=joe
check 'clusterrolebinding.rbac.authorization.k8s.io "exercises-nodes" deleted' delete clusterrolebinding exercises-nodes
refuses 'no' auth can-i get nodes --as=joe
check 'clusterrole.rbac.authorization.k8s.io "exercises-nodes" deleted' delete clusterrole exercises-nodes

say 'Quotas and limits'
check 'resourcequota/few created' -n exercises-blue create quota few --hard=configmaps=2,pods=1
check 'configmap/one created' -n exercises-blue create configmap one
fails 'exceeded quota' -n exercises-blue create configmap two --from-literal=a=b
check '2' -n exercises-blue get quota few -o 'jsonpath={.spec.hard.configmaps}'
check 'resourcequota "few" deleted from exercises-blue namespace' -n exercises-blue delete quota few

say 'Asking well'
check 'reader web' get pods -l '!app' --sort-by=.metadata.name -o 'jsonpath={.items[*].metadata.name}'
check 'NAME     IMAGE
reader   busybox' get pod reader -o 'custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[0].image'
check 'reader:busybox' get pod reader -o 'jsonpath={.metadata.name}:{.spec.containers[*].image}'
check 'web' get pods -o 'jsonpath={.items[?(@.metadata.labels.env=="prod")].metadata.name}'
check 'deployments' api-resources --api-group=apps --no-headers -o name --verbs=patch --sort-by=name --namespaced=true --cached=false
check 'apps/v1' api-versions
check 'KIND:       Pod' explain pod.spec.containers
check 'Name:             web' describe pod web
check 'Kubernetes control plane is running' cluster-info
check 'minikctl' config current-context
check 'Client Version: v1' version --client
check 'pods' api-resources --api-group= --namespaced --no-headers -o name
check '  apiVersion: "v1",' get configmap literal -o kyaml
check '    "kind": "ConfigMap",' get configmap literal -o json --show-managed-fields=false
check 'configmap/literal' get cm,secret -o name --sort-by=.metadata.name
check 'system:masters' auth whoami -o 'jsonpath={.status.userInfo.groups[0]}'
check 'ok' get --raw /readyz
check 'configmap "literal" deleted from exercises-configuration namespace
configmap/literal replaced' replace --force -f literal.yaml
check 'exercises-configuration' get pod web -o 'jsonpath={.metadata.namespace}'
check 'pod "web" deleted from exercises-configuration namespace
pod "reader" deleted from exercises-configuration namespace' delete pod web reader --now
check 'namespace "exercises-blue" deleted' delete namespace exercises-blue
echo 'All exercises done.'
