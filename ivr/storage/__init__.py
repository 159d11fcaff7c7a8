"""PostgreSQL: schema, queries, the embedded server."""
