"""What several operators, sensors and triggers share."""
