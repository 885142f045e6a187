"""Your own table and folder of chest X-rays as a dataset of xrv-core."""
