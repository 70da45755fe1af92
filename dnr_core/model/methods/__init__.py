"""Methods: what is done to the modalities before, and around, a backbone. One file each."""
