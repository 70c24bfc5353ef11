"""Speaks FHIR, in and out; knows the clinical core, no web framework and no Celery."""
