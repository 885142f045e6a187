"""BRAX, Brazilian labeled chest x-rays, for xrv-core."""
