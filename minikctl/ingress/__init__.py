"""The Ingress controller and the Gateway API's implementation: objects become a routing table, an HTTP engine serves it.

`ingresses` and `gateways` turn objects into a `Table`; `matching` finds the route of a request in it and `deciding`
says what is to be done: all of these are pure. `engine/` does it. `controller` watches, swaps tables and reports back.
"""
