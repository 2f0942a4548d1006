"""``brainzoo show``: a model or images in the browser."""
