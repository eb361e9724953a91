"""What admission plugins, and the controllers beside them, decide: pure functions on objects.

Each names the Kubernetes plugin that it speaks for; its sentences are that plugin's, since people search for them.
"""
