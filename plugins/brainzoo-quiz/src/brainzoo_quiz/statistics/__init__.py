"""What readers could tell: plans before a study, scores after it."""
