"""Field ownership and server-side apply (KEP-555), as pure functions.

`fields` has sets of field paths, `shape` says how a type is taken apart, `typed` walks values by shape, `managers`
keeps metadata.managedFields and decides who owns what after an update or an apply.
"""
