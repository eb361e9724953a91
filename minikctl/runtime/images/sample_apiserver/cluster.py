"""The cluster that this API server stands behind: whom it trusts to say who is asking, and who may do what."""

import http.client
import json
import os
import ssl
import time

from common import content_of, place
from objects import Refused

FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
CONFIG = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
REMEMBERED_SECONDS = STARTING_SECONDS = 10.0


class Cluster:
    """Raises OSError, KeyError, ValueError where there is none to be asked; where it does not answer yet, in a while."""

    def __init__(self):
        self.decisions = {}
        if "KUBERNETES_SERVICE_HOST" not in os.environ:
            raise ValueError("unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST must be defined")
        end = time.monotonic() + STARTING_SECONDS
        while True:
            try:
                status, found = self.ask("GET", CONFIG)
                if status == 200:
                    break
                raise ValueError(found.get("message") or status)
            except (OSError, ValueError):
                if time.monotonic() > end:
                    raise
                time.sleep(1)
        self.proxy_ca = found["data"]["requestheader-client-ca-file"]

    def ask(self, method, path, body=None):
        """(status, JSON) with the pod's own token."""
        context = ssl.create_default_context(cafile=place(f"{FOLDER}/ca.crt"))
        where = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
        connection = http.client.HTTPSConnection(*where, timeout=10, context=context)
        token = content_of(f"{FOLDER}/token").decode().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except http.client.HTTPException as e:
            raise OSError(str(e)) from None
        finally:
            connection.close()

    def authorize(self, user, attributes):
        """Raises Refused 403."""
        name, groups = user
        if "system:masters" in groups:
            return
        key = json.dumps([name, groups, attributes])
        until, allowed = self.decisions.get(key, (0.0, False))
        if until < time.monotonic():
            spec = {"user": name, "groups": groups, **attributes}
            review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
            _, found = self.ask("POST", REVIEWS, review)
            allowed = bool((found.get("status") or {}).get("allowed"))
            self.decisions[key] = time.monotonic() + REMEMBERED_SECONDS, allowed
        if not allowed:
            raise Refused(403, "Forbidden", _words(name, attributes))


def _words(user, attributes):
    if "nonResourceAttributes" in attributes:
        asked = attributes["nonResourceAttributes"]
        return f'forbidden: User "{user}" cannot {asked["verb"]} path "{asked["path"]}"'
    asked = attributes["resourceAttributes"]
    what = f"{asked['resource']}.{asked['group']}"
    shown = f'{what} "{asked["name"]}"' if asked["name"] else what
    where = f'in the namespace "{asked["namespace"]}"' if asked["namespace"] else "at the cluster scope"
    resource = f'resource "{asked["resource"]}" in API group "{asked["group"]}"'
    return f'{shown} is forbidden: User "{user}" cannot {asked["verb"]} {resource} {where}'
