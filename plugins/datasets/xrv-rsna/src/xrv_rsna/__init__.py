"""The RSNA Pneumonia Detection Challenge, for xrv-core."""
