"""The ResNet autoencoder of TorchXRayVision, for xrv-core."""
