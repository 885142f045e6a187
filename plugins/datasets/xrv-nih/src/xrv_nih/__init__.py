"""NIH ChestX-ray14, and Google's radiologist labels on its images, for xrv-core."""
