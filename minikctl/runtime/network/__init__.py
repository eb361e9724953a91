"""The cluster network: one network namespace between all pods ("the router"), and an address of its own for each pod."""
