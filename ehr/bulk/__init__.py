"""Bulk Data exports of one EHR: kick off, look, fetch, release; one exchange each, no sleep."""
