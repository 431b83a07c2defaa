"""What can be done through Hono's Device Registry Management API v1: one transaction per call."""
