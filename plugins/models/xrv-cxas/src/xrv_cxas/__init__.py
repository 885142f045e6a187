"""The segmenter of 159 structures of CXAS, for xrv-core."""
