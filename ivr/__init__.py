"""The server behind a public legal-service hotline: calls in, recordings and transcripts, one work order per call out."""

__version__ = "0.1.0"
