"""The COVID-19 Image Data Collection, for xrv-core."""
