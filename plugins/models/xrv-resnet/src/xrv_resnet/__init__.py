"""The ResNet-50 classifier of TorchXRayVision, for xrv-core."""
