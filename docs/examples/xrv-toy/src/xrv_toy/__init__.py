"""The dataset plugin to copy."""
