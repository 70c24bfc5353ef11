"""Schedules made of tablets that exist."""
