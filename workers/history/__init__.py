"""Whole medication histories, read in the background. Knows nothing of Celery."""
