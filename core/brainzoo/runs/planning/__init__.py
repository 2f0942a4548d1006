"""What a run would take, found without doing it."""
