"""A CDS Hooks 2.0 client as an EHR has it: discovery, prefetch, calls, cards and feedback."""
