"""PadChest, for xrv-core."""
