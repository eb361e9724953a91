"""OpenAPI documents of the served API: v3 one a group and version, v2 one for all. Pure functions of the kinds.

`definitions` has the built-in types, `custom` those of CustomResourceDefinitions, `paths` the operations, `documents`
puts them together.
Source: Kubernetes concept "API overview", KEP-2896 (OpenAPI v3).
"""

from minikctl.api.openapi.documents import document_v2, document_v3

__all__ = ["document_v2", "document_v3"]
