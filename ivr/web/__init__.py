"""The HTTP edge: API, live stream, pages."""
