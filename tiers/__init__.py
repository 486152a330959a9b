"""Who belongs to which tier. Begins with the tier ladder."""
