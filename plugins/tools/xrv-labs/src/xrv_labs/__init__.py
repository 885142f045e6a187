"""Registries of a lab's own classifiers: TOML files and https addresses."""
