"""The kubelet: makes the containers of its node's pods what the pods ask for, and reports what they are."""
