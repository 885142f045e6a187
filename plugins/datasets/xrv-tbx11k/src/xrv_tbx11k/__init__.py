"""TBX11K, tuberculosis with boxes, for xrv-core."""
