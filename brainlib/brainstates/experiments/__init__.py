"""What the chapters on brain states run, at every profile."""
