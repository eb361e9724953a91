"""The API server as a library: the one door to the store, for the command line, the components and the HTTP front."""
