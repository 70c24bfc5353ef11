"""The clinical core: facts in, findings and schedules out. Pure; the day is an argument."""
