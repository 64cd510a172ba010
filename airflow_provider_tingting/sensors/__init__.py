"""Tasks that wait for TingTing."""
