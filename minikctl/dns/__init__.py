"""Cluster DNS: names of Services and pods, as Kubernetes' DNS specification has them. `answer.py` decides, `message.py`
reads and writes packets, `server.py` listens."""
