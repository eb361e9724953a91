"""nodes/proxy: the part of a kubelet's HTTP API that this cluster's kubelets can answer over their socket.

Source: kubelet `server/server.go`. Kubelets here listen on no port; anything else is the kubelet's own 404.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from minikctl.api.errors import bad_request, method_not_supported
from minikctl.api.meta import Obj
from minikctl.apiserver import kubelet_client
from minikctl.apiserver.http.messages import Request, Response, json_response
from minikctl.apiserver.http.routing import Target
from minikctl.apiserver.http.streaming import logs
from minikctl.apiserver.http.streaming.backends import split
from minikctl.apiserver.server import APIServer
from minikctl.util.clock import Clock

PORT = "10250"


async def serve(api: APIServer, request: Request, target: Target, path: str) -> Response:
    words = split(target.name)
    if words is None:
        raise bad_request(f'invalid node request "{target.name}"')
    _, name, port = words
    api.registry.get(api.kind("nodes"), "", name)
    if port not in ("", PORT):
        raise bad_request(f"nodes of this cluster have one port, the kubelet's: {PORT}")
    if target.verb != "get":
        raise method_not_supported("nodes/proxy", "", target.verb)
    parts = path.strip("/").split("/")
    match parts:
        case ["healthz"]:
            await asyncio.to_thread(kubelet_client.stats, api, name)
            return Response(200, b"ok", "text/plain; charset=utf-8")
        case ["pods"] | ["runningpods"]:
            pods = [p for p in api.read_all("pods") if p["spec"].get("nodeName") == name]
            return json_response(request, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods})
        case ["stats", "summary"]:
            found = await asyncio.to_thread(kubelet_client.stats, api, name)
            return json_response(request, summary(found, api.clock))
        case ["containerLogs", namespace, pod, container]:
            request.queries["container"] = [container]
            where = replace(target, resource="pods", namespace=namespace, name=pod, subresource="log")
            return await logs.serve(api, request, where)
    return Response(404, b"404 page not found\n", "text/plain; charset=utf-8")


def summary(stats: Obj, clock: Clock) -> Obj:
    """The kubelet's Summary of what is measured here: CPU time since the start, and memory."""
    now = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    pods = []
    for pod in stats["pods"]:
        containers = [
            {
                "name": c["name"],
                "cpu": {"time": now, "usageCoreNanoSeconds": int(c["cpu_seconds"] * 1e9)},
                "memory": {"time": now, "workingSetBytes": c["memory_bytes"], "rssBytes": c["memory_bytes"]},
            }
            for c in pod["containers"]
        ]
        pods.append({"podRef": {"name": pod["name"], "namespace": pod["namespace"]}, "containers": containers})
    return {"node": {"nodeName": stats["node"]}, "pods": pods}
