"""The notifier, and the flows that deliver a notification through a campaign with one contact."""
