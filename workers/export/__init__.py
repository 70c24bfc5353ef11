"""Exports in the background: one exchange with the EHR at a time, files on disk, nothing twice."""
