"""The Montgomery and Shenzhen tuberculosis sets of the NLM, for xrv-core."""
