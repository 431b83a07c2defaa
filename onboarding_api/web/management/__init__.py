"""Hono's Device Registry Management API v1 over HTTP: /v1/tenants, /v1/devices, /v1/credentials."""
