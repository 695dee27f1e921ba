"""What the chapters on spiking networks with astrocytes run: one file a question, sizes in profiles."""
