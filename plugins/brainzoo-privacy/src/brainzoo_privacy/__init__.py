"""Does a generator copy the people it was trained on? A plugin of brainzoo."""
