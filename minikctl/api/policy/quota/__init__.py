"""ResourceQuota: what objects use of it, whom it concerns, and whether a request fits.

`measures` says how each resource is measured, `accounting` does the sums for admission and for the controller.
Source: apiserver `pkg/quota/v1`, `pkg/admission/plugin/resourcequota`; Kubernetes `pkg/quota/v1/evaluator/core`.
"""
