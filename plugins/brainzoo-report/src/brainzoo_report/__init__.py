"""One self-contained page about a brainzoo run, for a person who has a minute."""
