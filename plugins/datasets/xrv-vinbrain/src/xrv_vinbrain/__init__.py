"""VinDr-CXR, for xrv-core."""
