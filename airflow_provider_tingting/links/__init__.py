"""Links from a task to TingTing's own pages."""
