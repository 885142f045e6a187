"""Stony Brook COVID-19 RALO severity scores, for xrv-core."""
