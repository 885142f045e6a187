"""The segmenter of 14 structures published with ChestX-Det, for xrv-core."""
