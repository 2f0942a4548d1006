"""The steps from a scan to images: orientation, head, grid, intensity."""
