"""`python -m minikctl`."""

from minikctl.cli import main

main()
