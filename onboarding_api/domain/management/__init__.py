"""Eclipse Hono's tenants, devices and credentials: their documents, checked and normalised. Pure."""
