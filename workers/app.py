"""The Celery application: queue, guarantees and the beat's timetable on one screen."""

from __future__ import annotations

from typing import Any

from celery import Celery

QUEUE = "taperguard"
RECORD_CARDS_SHOWN = "taperguard.record_cards_shown"
READ_HISTORY = "taperguard.read_history"
POST_DUE_LETTERS = "taperguard.post_due_letters"
FORGET_DONE_LETTERS = "taperguard.forget_done_letters"
FORGET_OLD_CARDS = "taperguard.forget_old_cards"
LOOK_AT_EXPORTS = "taperguard.look_at_exports"
DOWNLOAD_EXPORT_FILE = "taperguard.download_export_file"
LOOK_AT_REPORTS = "taperguard.look_at_reports"
PREPARE_REPORT = "taperguard.prepare_report"
COUNT_BUCKET = "taperguard.count_report_bucket"
FINISH_REPORT = "taperguard.finish_report"

# No task runs longer than this; a message that is not acknowledged in the visibility time is
# given to another worker, so that time is longer.
TASK_LIMIT_SECONDS = 240
VISIBILITY_SECONDS = 300

# What a broker that hangs may cost whoever talks to it.
POSTING_SOCKET_SECONDS = 2.0
WORKING_SOCKET_SECONDS = 20.0

BEAT_POSTS_EVERY_SECONDS = 30.0
BEAT_FORGETS_EVERY_SECONDS = 3600.0
BEAT_LOOKS_AT_EXPORTS_EVERY_SECONDS = 5.0

# An EHR may take hours to send one file. Such a task is acknowledged when it is received: not the
# broker but the file's lease brings it back when its worker dies.
DOWNLOAD_LIMIT_SECONDS = 6 * 3600
BEAT_LOOKS_AT_REPORTS_EVERY_SECONDS = 5.0

# Of several clocks one ticks: it holds this lock in the broker and extends it as it ticks. When
# it is killed, another takes over once the lock has run out.
BEAT_LOCK = "redbeat::lock"
BEAT_LOCK_SECONDS = 30
_BEAT_LOOKS_EVERY_SECONDS = 5


def make_app(broker_url: str, *, posting_only: bool = False) -> Celery:
    """The application: for a worker and beat, or only to post (short timeouts, no retries)."""
    app = Celery("taperguard", broker=broker_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        event_serializer="json",
        task_ignore_result=True,
        result_backend=None,
        enable_utc=True,
        timezone="UTC",
        task_default_queue=QUEUE,
        # A task is done when it has run, not when it was received; all of ours are idempotent.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        task_time_limit=TASK_LIMIT_SECONDS,
        task_soft_time_limit=TASK_LIMIT_SECONDS - 30,
        worker_max_tasks_per_child=1000,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        # None: a worker waits for its broker as long as it takes.
        broker_connection_max_retries=None,
        broker_transport_options=_transport(posting_only),
        broker_pool_limit=1 if posting_only else 2,
        beat_max_loop_interval=_BEAT_LOOKS_EVERY_SECONDS,
        redbeat_redis_url=broker_url,
        redbeat_redis_options={
            "socket_timeout": WORKING_SOCKET_SECONDS,
            "socket_connect_timeout": POSTING_SOCKET_SECONDS,
        },
        redbeat_lock_timeout=BEAT_LOCK_SECONDS,
        beat_schedule={
            # The service posts at once; this finds what it left behind (a crash, a lease's end).
            "post due letters": {
                "task": POST_DUE_LETTERS,
                "schedule": BEAT_POSTS_EVERY_SECONDS,
                # A tick that waited for a worker is worth nothing: the next one does its work.
                "options": {"expires": BEAT_POSTS_EVERY_SECONDS},
            },
            "forget done letters": {
                "task": FORGET_DONE_LETTERS,
                "schedule": BEAT_FORGETS_EVERY_SECONDS,
                "options": {"expires": BEAT_FORGETS_EVERY_SECONDS},
            },
            "forget old cards": {
                "task": FORGET_OLD_CARDS,
                "schedule": BEAT_FORGETS_EVERY_SECONDS,
                "options": {"expires": BEAT_FORGETS_EVERY_SECONDS},
            },
            "look at exports": {
                "task": LOOK_AT_EXPORTS,
                "schedule": BEAT_LOOKS_AT_EXPORTS_EVERY_SECONDS,
                "options": {"expires": BEAT_LOOKS_AT_EXPORTS_EVERY_SECONDS},
            },
            # Begins the nights that are due, and finds runs that nobody carries on.
            "look at reports": {
                "task": LOOK_AT_REPORTS,
                "schedule": BEAT_LOOKS_AT_REPORTS_EVERY_SECONDS,
                "options": {"expires": BEAT_LOOKS_AT_REPORTS_EVERY_SECONDS},
            },
        },
    )
    return app


def _transport(posting_only: bool) -> dict[str, Any]:
    seconds = POSTING_SOCKET_SECONDS if posting_only else WORKING_SOCKET_SECONDS
    options: dict[str, Any] = {
        "visibility_timeout": VISIBILITY_SECONDS,
        # A killed worker's messages are looked for every second, not every hundred rounds.
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "socket_timeout": seconds,
        "socket_connect_timeout": POSTING_SOCKET_SECONDS,
        "socket_keepalive": True,
        "retry_on_timeout": False,
        "health_check_interval": 10,
    }
    if posting_only:
        # Opening the channel would else retry for ever, whatever `retry=False` says.
        options |= {"max_retries": 0, "interval_start": 0, "interval_step": 0}
    return options
