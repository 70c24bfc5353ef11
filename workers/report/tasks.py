"""The report's tasks: each hands over to a function that knows nothing of Celery."""

from __future__ import annotations

from collections.abc import Callable

from celery import Celery

from workers import app as jobs
from workers.report import night


def register(app: Celery, tools: Callable[[], night.Tools]) -> None:
    """Add the tasks to the application. Their arguments are a run's id and a bucket's number."""

    def post(task: str, *arguments: str | int) -> None:
        app.send_task(task, args=list(arguments))

    def look() -> None:
        night.look(tools(), post)

    def prepare(run_id: str) -> None:
        night.prepare_report(tools(), run_id, post)

    def count(run_id: str, number: int) -> None:
        night.count_report_bucket(tools(), run_id, number, post)

    def finish(run_id: str) -> None:
        night.finish_report(tools(), run_id)

    app.task(look, name=jobs.LOOK_AT_REPORTS)
    app.task(prepare, name=jobs.PREPARE_REPORT)
    app.task(count, name=jobs.COUNT_BUCKET)
    app.task(finish, name=jobs.FINISH_REPORT)
