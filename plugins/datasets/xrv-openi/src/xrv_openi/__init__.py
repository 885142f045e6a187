"""Open-i, the Indiana University chest X-ray collection, for xrv-core."""
