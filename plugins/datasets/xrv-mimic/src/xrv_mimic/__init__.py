"""MIMIC-CXR-JPG, for xrv-core."""
