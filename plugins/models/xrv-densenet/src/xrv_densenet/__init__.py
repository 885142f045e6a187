"""The DenseNet-121 classifiers of TorchXRayVision, for xrv-core."""
