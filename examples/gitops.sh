#!/bin/sh
# GitOps: the guestbook of Argo CD's own tutorial. A Git repository says what the cluster is to be; an Application has it so.
#
#     examples/gitops.sh [MINIKCTL]
#
# On a cluster of its own and a repository of its own, in a directory that is deleted at the end. Needs git.
set -eu

work=$(mktemp -d)
MINIKCTL_STATE=$work/state
export MINIKCTL_STATE
minikctl_=${1:-minikctl}
end() { "$minikctl_" cluster reset --yes >/dev/null 2>&1 || true; rm -rf "$work"; }
trap end EXIT
"$minikctl_" cluster start --simulated

. "$(dirname "$0")/frame.sh"
namespace=argocd # where Applications live
trap end EXIT

repo=$work/repo
commit() { git -C "$repo" add -A && git -C "$repo" -c user.name=Me -c user.email=me@example.com commit -qm "$1"; }
field() { ask get app guestbook -o "jsonpath={$1}"; }
state() { field '.status.sync.status} {.status.health.status'; }
image() { ask get deployment guestbook-ui -n guestbook -o 'jsonpath={.spec.template.spec.containers[0].image}'; }
replicas() { ask get deployment guestbook-ui -n guestbook -o 'jsonpath={.spec.replicas}'; }

say "A repository with the manifests of an application."
mkdir -p "$repo/guestbook"
git init -q -b main "$repo"
cat >"$repo/guestbook/deployment.yaml" <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata:
  name: guestbook-ui
spec:
  replicas: 1
  selector:
    matchLabels:
      app: guestbook-ui
  template:
    metadata:
      labels:
        app: guestbook-ui
    spec:
      containers:
      - name: guestbook-ui
        image: nginx:1.26
        ports:
        - containerPort: 80
YAML
cat >"$repo/guestbook/service.yaml" <<'YAML'
apiVersion: v1
kind: Service
metadata:
  name: guestbook-ui
spec:
  selector:
    app: guestbook-ui
  ports:
  - port: 80
    targetPort: 80
YAML
commit "The guestbook"

say "The controller of Applications is an addon: an ordinary cluster does not have it."
run cluster addons enable gitops
run get crd applications.argoproj.io

say "An Application names the repository, the path in it, and where its objects belong. By itself it only compares."
cat >"$work/app.yaml" <<YAML
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: guestbook
  namespace: argocd
spec:
  project: default
  source:
    repoURL: $repo
    targetRevision: HEAD
    path: guestbook
  destination:
    server: https://kubernetes.default.svc
    namespace: guestbook
  syncPolicy:
    syncOptions:
    - CreateNamespace=true
YAML
run apply -f "$work/app.yaml"
until_it_is "OutOfSync Missing" state
run get app guestbook

say "Synchronized, it is what the repository says."
run app sync guestbook
until_it_is "Synced Healthy" state
run get app guestbook
run get all -n guestbook

say "A change in Git is seen, and waits."
sed -i.bak 's/nginx:1.26/nginx:1.27/; s/replicas: 1/replicas: 2/' "$repo/guestbook/deployment.yaml"
rm "$repo/guestbook/deployment.yaml.bak"
commit "More of a newer one"
until_it_is "OutOfSync Healthy" state
run app sync guestbook
until_it_is "Synced Healthy" state
expect nginx:1.27 "$(image)"
run app history guestbook

say "Back to how it was before."
run app rollback guestbook
expect nginx:1.26 "$(image)"

say "Automated: from now on what is committed happens, and what anybody changes by hand is undone."
run patch app guestbook --type merge \
    -p '{"spec":{"syncPolicy":{"automated":{"prune":true,"selfHeal":true}}}}'
until_it_is nginx:1.27 image
run scale deployment guestbook-ui -n guestbook --replicas=5
until_it_is 2 replicas
until_it_is "Synced Healthy" state

say "What is taken out of the repository is pruned."
rm "$repo/guestbook/service.yaml"
commit "No service"
until_it_is "" ask get service -n guestbook -o name
run get events --field-selector involvedObject.name=guestbook

say "Before each deployment a job of its own (a hook); an overlay by kustomize; another revision: all of it is Git."
mkdir "$repo/production"
cat >"$repo/guestbook/migrate.yaml" <<'YAML'
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations:
    argocd.argoproj.io/hook: PreSync
spec:
  template:
    metadata:
      annotations:
        pod-complete.stage.kwok.x-k8s.io/delay: 1s
    spec:
      restartPolicy: Never
      containers:
      - name: migrate
        image: busybox
        command: ["echo", "migrated"]
YAML
cat >"$repo/guestbook/kustomization.yaml" <<'YAML'
resources:
- deployment.yaml
- migrate.yaml
YAML
cat >"$repo/production/kustomization.yaml" <<'YAML'
resources:
- ../guestbook
namePrefix: prod-
replicas:
- name: guestbook-ui
  count: 3
YAML
commit "An overlay for production"
run patch app guestbook --type merge -p '{"spec":{"source":{"path":"production"}}}'
until_it_is "True" ask get job prod-migrate -n guestbook -o 'jsonpath={.status.conditions[?(@.type=="Complete")].status}'
until_it_is 3 ask get deployment prod-guestbook-ui -n guestbook -o 'jsonpath={.status.readyReplicas}'
until_it_is "Synced Healthy" state
expect Kustomize "$(field .status.sourceType)"
run get deployments -n guestbook
expect deployment.apps/prod-guestbook-ui "$(ask get deployments -n guestbook -o name)"
say "Done."
