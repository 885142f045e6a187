"""Commands that run a model: predict, segment, verify, convert."""
