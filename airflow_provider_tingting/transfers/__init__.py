"""Transfers: a report into a database."""
