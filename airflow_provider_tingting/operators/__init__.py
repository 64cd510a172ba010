"""Tasks that do something at TingTing."""
