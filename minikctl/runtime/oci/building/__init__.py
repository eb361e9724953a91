"""Images from Dockerfiles: `dockerfile` reads them, `context` finds files, `steps` carries instructions out.

Source: "Dockerfile reference" of Docker's documentation, the part of it that `dockerfile.KEYWORDS` lists.
"""
