"""What the core needs of the world, as Protocols; adapters are wired in ivr.parts."""
