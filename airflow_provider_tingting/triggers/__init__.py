"""Triggers: they wait in the triggerer for a deferred task or for an asset, and only read."""
