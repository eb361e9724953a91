"""CustomResourceDefinitions at work: what they make of objects. Pure functions of definitions, schemas and objects.

`kinds` turns a definition into the `Kind`s it serves; `naming` says which names it gets; `structural` checks schemas.
What happens to a custom resource, in this order: `reading` (nulls, defaults, pruning, metadata), `values` (OpenAPI),
`lists` (sets and maps), `embedded` (resources in resources), `rules` (x-kubernetes-validations).

Source: Kubernetes concept "Custom Resources", apiextensions-apiserver.
"""
