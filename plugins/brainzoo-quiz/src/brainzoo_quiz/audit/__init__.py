"""What could tell readers the truth besides the anatomy."""
