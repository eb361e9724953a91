"""The controllers: one file or folder each, found by the listing of this folder (`manager.py`, `base.py` are the frame,
`common/` is what several of them share)."""
