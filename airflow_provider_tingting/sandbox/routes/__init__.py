"""The endpoints of the sandbox, by subject."""
