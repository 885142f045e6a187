"""The CheXpert classifier of JF Healthcare, for xrv-core."""
