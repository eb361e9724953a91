"""`minikctl flow`: the causal story of an object. `words` says what a change was, `story` who led to what, `text` draws it."""
