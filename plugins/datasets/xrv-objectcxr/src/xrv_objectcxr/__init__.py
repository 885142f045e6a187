"""Object-CXR, foreign objects on chest X-rays, for xrv-core."""
