"""Converts the custom resources of Kubernetes' own tests: hostPort "host:port" in v1, host and port in v2.

`--tls-cert-file F --tls-private-key-file F [--port N]`: POST /crdconvert.
"""

import json

import _server as http
from common import compact, flags, listen, place, port_of, server

V1, V2 = "stable.example.com/v1", "stable.example.com/v2"


class Refused(Exception):
    pass


def convert(obj, version):
    """Raises Refused."""
    if obj.get("apiVersion") == version:
        raise Refused(f"conversion from a version to itself should not call the webhook: {version}")
    made = {**obj, "apiVersion": version}
    match obj.get("apiVersion"), version:
        case (a, b) if (a, b) == (V1, V2):
            if "hostPort" in made:
                parts = made.pop("hostPort").split(":")
                if len(parts) != 2:
                    raise Refused(f"invalid hostPort value `{obj['hostPort']}`")
                made["host"], made["port"] = parts
        case (a, b) if (a, b) == (V2, V1):
            if "host" in made or "port" in made:
                made["hostPort"] = f"{made.pop('host', '')}:{made.pop('port', '')}"
        case (a, b):
            raise Refused(f'unexpected conversion version "{b if a in (V1, V2) else a}"')
    return made


def handle(request):
    if request.path == "/readyz":
        return http.Answer(200, "ok")
    if request.path != "/crdconvert":
        return http.Answer(404, "404 page not found\n")
    try:
        review = json.loads(request.body)
        asked = review["request"]
        response = {"uid": asked["uid"], "convertedObjects": [], "result": {"metadata": {}, "status": "Success"}}
        try:
            response["convertedObjects"] = [convert(o, asked["desiredAPIVersion"]) for o in asked["objects"]]
        except Refused as e:
            response["result"] = {"metadata": {}, "status": "Failure", "message": str(e)}
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        return http.Answer(
            400, f"failed to deserialize body ({request.body.decode('utf-8', 'replace')}) with error {e}\n"
        )
    kind = {"kind": "ConversionReview", "apiVersion": review.get("apiVersion")}
    return http.Answer(200, compact({**kind, "response": response}), "application/json")


def main(words):
    given, _ = flags(words)
    made = server()
    cert, key = given.get("tls-cert-file", ""), given.get("tls-private-key-file", "")
    listen(made, port_of(given, "port", 443), handle, http.tls(place(cert), place(key)))
    made.run()
