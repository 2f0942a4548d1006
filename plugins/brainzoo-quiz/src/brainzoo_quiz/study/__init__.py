"""The documents of a study, and how one is drawn and put together."""
