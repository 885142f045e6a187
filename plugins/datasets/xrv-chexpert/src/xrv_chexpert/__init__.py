"""CheXpert, and the masks of CheXlocalize on its validation and test images, for xrv-core."""
