"""The population report as pages: who may see it, what it says, and the patients behind it."""
