"""What this API says of itself in OpenAPI 3.1: one `Operation` per method and path, and one document of them all.

Error answers come from the table in `web/problems.py`, shapes from the types that read them, limits from the domain. A
test holds the operations to the application's routes, and schemathesis holds the answers to the operations.
"""
