from minikctl.api.errors import bad_request


async def serve(api, request, target):
    raise bad_request("proxying is not served yet")


async def serve_websocket(api, request, target, socket):
    raise bad_request("proxying is not served yet")
