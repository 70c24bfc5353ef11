"""Bulk Data Access 2.0.0: `$export` of a Group, the state of an export, and its files.

`asked` understands a request, `jobs` takes the snapshot and keeps it in the store, `door` is the
HTTP interface. An export belongs to the client that asked for it.
"""
