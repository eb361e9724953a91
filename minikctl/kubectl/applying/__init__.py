"""How `apply` (and `diff`) bring an object to what a file says: three-way patches, server-side apply, pruning."""
