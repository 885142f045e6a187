"""Chest X-ray phantoms, drawn by code, for xrv-core. No patient is shown."""
