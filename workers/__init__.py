"""The background door: Celery workers and what may be posted to them."""
