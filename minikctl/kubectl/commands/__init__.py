"""The commands: one file each (`api_resources.py` is `api-resources`), a folder for a group. The listing is the registry."""
