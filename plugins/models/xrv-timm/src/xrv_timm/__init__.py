"""Any timm backbone as a chest X-ray classifier, for xrv-core."""
