"""endpointslice-controller: which addresses stand behind a Service."""

from minikctl.controllers.endpoint_slice.controller import EndpointSliceController

__all__ = ["EndpointSliceController"]

CONTROLLER = EndpointSliceController
