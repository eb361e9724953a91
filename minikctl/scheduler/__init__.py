"""kube-scheduler: chooses a node for every pod that has none.

Start reading at `scheduler.py` (the loop), then `algorithm.py` (one decision), then any file in `plugins/`.
"""
