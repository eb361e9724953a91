"""cronjob-controller: makes a Job at every time that a CronJob's schedule names."""

from minikctl.controllers.cron_job.controller import CronJobController

__all__ = ["CronJobController"]

CONTROLLER = CronJobController
