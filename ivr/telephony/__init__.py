"""The one place that knows Asterisk."""
