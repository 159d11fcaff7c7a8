"""The road of a call through the product, written against ports only."""
