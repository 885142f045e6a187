"""A small classifier and a small autoencoder, trained on drawn phantoms, for xrv-core. Not for medical use."""
