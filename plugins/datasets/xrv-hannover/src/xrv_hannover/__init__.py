"""The Hannover COVID-19 image repository, for xrv-core."""
