"""The API against its own description: schemathesis sends what the document allows and what it does not."""
