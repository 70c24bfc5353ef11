"""The services this door offers."""
