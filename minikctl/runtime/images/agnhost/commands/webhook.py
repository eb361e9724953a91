"""The admission webhooks of Kubernetes' own tests, over TLS.

`--tls-cert-file F --tls-private-key-file F [--port N] [--sidecar-image IMAGE]`. Decisions are pure: (request) → response.
"""

import json
import time
from base64 import b64encode

import _server as http
from common import compact, flags, klog, listen, place, port_of, server

KEY, UNWANTED, LASTING = "webhook-e2e-test", "webhook-disallow", "webhook-nondeletable"
options = {}


def allowed(patch=None):
    if not patch:
        return {"allowed": True}
    return {"allowed": True, "patch": b64encode(compact(patch).encode()).decode(), "patchType": "JSONPatch"}


def denied(message="", reason="", **more):
    status = {"metadata": {}} | ({"message": message} if message else {}) | ({"reason": reason} if reason else {})
    return {"allowed": False, "status": status | more}


def add(path, value):
    return {"op": "add", "path": path, "value": value}


def expects(plural):
    """A check that the request is about a core resource; the reason why not, else None."""

    def check(asked):
        wanted = {"group": "", "version": "v1", "resource": plural}
        return None if asked.get("resource") == wanted else denied(f"expect resource to be {{ v1 {plural}}}")

    return check


def subject(asked):
    found = asked.get("oldObject") if asked.get("operation") == "DELETE" else asked.get("object")
    return found or {}


def always_allow_delay_5s(_asked):
    time.sleep(5)
    return {"allowed": True, "status": {"metadata": {}, "message": "this webhook allows all requests"}}


def always_deny(_asked):
    return denied("this webhook denies all requests")


def add_label(asked):
    labels = (asked.get("object") or {}).get("metadata", {}).get("labels") or {}
    if not labels:
        return allowed([add("/metadata/labels", {"added-label": "yes"})])
    if "added-label" not in labels:
        return allowed([add("/metadata/labels/added-label", "yes")])
    if labels["added-label"] != "yes":
        return allowed([{"op": "replace", "path": "/metadata/labels/added-label", "value": "yes"}])
    return allowed()


def pods(asked):
    if wrong := expects("pods")(asked):
        return wrong
    pod, said = asked.get("object") or {}, []
    label = (pod.get("metadata", {}).get("labels") or {}).get(KEY)
    if label == UNWANTED:
        said.append("the pod contains unwanted label;")
    if label == "wait-forever":
        while True:
            time.sleep(3600)
    for container in pod.get("spec", {}).get("containers") or []:
        if UNWANTED in container["name"]:
            said.append("the pod contains unwanted container name;")
    return denied(" ".join(said)) if said else allowed()


def pods_attach(asked):
    if asked.get("name") != "to-be-attached-pod":
        return allowed()
    how = asked.get("object") or {}
    if asked.get("subResource") != "attach":
        return denied(f"expect subresource to be attach, got {asked.get('subResource', '')}")
    if how.get("stdin") and how.get("container") == "container1":
        return denied("attaching to pod 'to-be-attached-pod' is not allowed")
    return allowed()


def mutating_pods(asked):
    if wrong := expects("pods")(asked):
        return wrong
    pod = asked.get("object") or {}
    name, present = "webhook-added-init-container", pod.get("spec", {}).get("initContainers") or []
    if pod.get("metadata", {}).get("name") != "webhook-to-be-mutated" or any(c["name"] == name for c in present):
        return allowed()
    return allowed([add("/spec/initContainers", [{"image": "webhook-added-image", "name": name, "resources": {}}])])


def mutating_pods_sidecar(asked):
    image = options.get("sidecar-image", "")
    if not image:
        return denied("No image specified by the sidecar-image parameter", status="Failure", code=500)
    name, pod = "webhook-added-sidecar", asked.get("object") or {}
    if any(c["name"] == name for c in pod.get("spec", {}).get("containers") or []):
        return allowed()
    return allowed([add("/spec/containers/-", {"image": image, "name": name, "resources": {}})])


def _by_data(asked, unwanted, lasting):
    value = (subject(asked).get("data") or {}).get(KEY)
    if value == UNWANTED and asked.get("operation") in ("CREATE", "UPDATE"):
        return denied(reason=unwanted)
    if value == LASTING and asked.get("operation") == "DELETE":
        return denied(reason=lasting)
    return allowed()


def _in_stages(asked):
    data = (asked.get("object") or {}).get("data") or {}
    if data.get("mutation-stage-1") == "yes":
        return allowed([add("/data/mutation-stage-2", "yes")])
    return allowed([add("/data/mutation-stage-1", "yes")] if data.get("mutation-start") == "yes" else None)


def configmaps(asked):
    lasting = "the configmap cannot be deleted because it contains unwanted key and value"
    return expects("configmaps")(asked) or _by_data(asked, "the configmap contains unwanted key and value", lasting)


def mutating_configmaps(asked):
    return expects("configmaps")(asked) or _in_stages(asked)


def custom_resource(asked):
    lasting = "the custom resource cannot be deleted because it contains unwanted key and value"
    return _by_data(asked, "the custom resource contains unwanted data", lasting)


def mutating_custom_resource(asked):
    return _in_stages(asked)


def crd(asked):
    if (asked.get("resource") or {}).get("resource") != "customresourcedefinitions":
        return denied(f"expect resource to be customresourcedefinitions but got {asked.get('resource')}")
    labels = (asked.get("object") or {}).get("metadata", {}).get("labels") or {}
    return denied("the crd contains unwanted label") if labels.get(KEY) == UNWANTED else allowed()


ROUTES = {
    "/always-allow-delay-5s": always_allow_delay_5s,
    "/always-deny": always_deny,
    "/add-label": add_label,
    "/pods": pods,
    "/pods/attach": pods_attach,
    "/mutating-pods": mutating_pods,
    "/mutating-pods-sidecar": mutating_pods_sidecar,
    "/configmaps": configmaps,
    "/mutating-configmaps": mutating_configmaps,
    "/custom-resource": custom_resource,
    "/mutating-custom-resource": mutating_custom_resource,
    "/crd": crd,
}
VERSIONS = ("admission.k8s.io/v1", "admission.k8s.io/v1beta1")


def handle(request):
    if request.path == "/readyz":
        return http.Answer(200, "ok")
    if request.path == "/crdconvert":
        from crd_conversion_webhook import handle as converted

        return converted(request)
    decide = ROUTES.get(request.path)
    if decide is None:
        return http.Answer(404, "404 page not found\n")
    if request.headers.get("content-type") != "application/json":
        klog(f"contentType={request.headers.get('content-type')}, expect application/json", "main.go:118", "E")
        return http.Answer(200, b"")
    try:
        review = json.loads(request.body)
        asked, version = review["request"], review["apiVersion"]
        uid = asked["uid"]
    except (ValueError, KeyError, TypeError) as e:
        return http.Answer(400, f"Request could not be decoded: {e}\n")
    if version not in VERSIONS:
        return http.Answer(400, f"Unsupported group version kind: {version}, Kind={review.get('kind')}\n")

    def work():
        answer = {"kind": "AdmissionReview", "apiVersion": version, "response": {"uid": uid, **decide(asked)}}
        return http.Answer(200, compact(answer), "application/json")

    return http.Later(work)


def main(words):
    given, _ = flags(words)
    options.update(given)
    made = server()
    cert, key = given.get("tls-cert-file", ""), given.get("tls-private-key-file", "")
    listen(made, port_of(given, "port", 443), handle, http.tls(place(cert), place(key)))
    made.run()
