"""The HTTP front: transport and nothing else. It turns requests into calls of `APIServer` and answers into bytes."""
