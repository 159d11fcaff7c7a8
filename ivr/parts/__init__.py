"""Our own long-lived processes, each with only the adapters it needs: what one imports, every restart of it waits for."""
