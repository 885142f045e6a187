"""The SIIM-ACR Pneumothorax Segmentation challenge, for xrv-core."""
