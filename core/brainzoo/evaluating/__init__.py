"""Evaluating: the sets, running evaluators, their results, and what evaluators share."""
