"""Documentation of resources from the server's OpenAPI documents: `plaintext` (v3) and `plaintext_v2`."""
