"""Commands for a shell; each has a module of its own."""
