"""The ensemble of the CheXpert authors, for xrv-core."""
