"""The hot operations of spiking networks with astrocytes, a folder each; what they cost: README.md beside this file."""
