"""Sound to words: voice activity, recognisers, models."""
