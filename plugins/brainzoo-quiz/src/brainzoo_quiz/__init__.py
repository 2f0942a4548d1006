"""Reader studies: can a radiologist tell synthetic brain images from real ones?"""
