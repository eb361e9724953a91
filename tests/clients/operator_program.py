"""An operator on kopf, as its documentation would have one: run by `test_kopf.py` in a process of its own.

A Greeting makes a ConfigMap that it owns; a change of the Greeting changes the ConfigMap; deletion waits for it.
"""

from __future__ import annotations

import os
from typing import Any

import kopf
from kubernetes import client, config

config.load_kube_config(os.environ["KUBECONFIG"])
GROUP = os.environ["OPERATOR_GROUP"]


def page(name: str, text: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"text": text}}


@kopf.on.startup()
def startup(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.persistence.finalizer = f"{GROUP}/finalizer"
    settings.peering.standalone = True


@kopf.on.create(GROUP, "v1", "greetings")
def created(spec: Any, name: str, namespace: str, body: Any, **_: Any) -> dict[str, str]:
    kopf.info(body, reason="Greeted", message="hello")
    made = page(name, spec["text"])
    kopf.adopt(made)
    client.CoreV1Api().create_namespaced_config_map(namespace, made)
    return {"page": name}


@kopf.on.field(GROUP, "v1", "greetings", field="spec.text")
def changed(old: Any, new: Any, name: str, namespace: str, patch: Any, **_: Any) -> None:
    if old is not None:
        client.CoreV1Api().patch_namespaced_config_map(name, namespace, {"data": {"text": new}})
        patch.status["changed"] = new


@kopf.on.delete(GROUP, "v1", "greetings")
def deleted(name: str, namespace: str, **_: Any) -> None:
    body = page(f"{name}-farewell", "bye")
    client.CoreV1Api().create_namespaced_config_map(namespace, body)
