"""The VQGAN autoencoders of TorchXRayVision, for xrv-core."""
