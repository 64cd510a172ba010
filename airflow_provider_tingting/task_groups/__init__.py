"""Several tasks made by one call."""
