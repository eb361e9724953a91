"""job-controller: runs pods until enough of them have succeeded."""

from minikctl.controllers.job.controller import JobController

__all__ = ["JobController"]

CONTROLLER = JobController
