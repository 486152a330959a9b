"""What the mall does when something happens below; and what features declare to each other."""
