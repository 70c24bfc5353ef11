"""The gate: the parts are wired and started here."""
