"""The core: pure rules and state machines; no clock, no network, no randomness."""
