"""Editing objects in the user's editor: `edit`, `create --edit`, `apply edit-last-applied`."""
