"""onboarding-api openapi: what the API says of itself."""

import click

from onboarding_api.web.openapi.document import openapi_document


@click.command()
def openapi() -> None:
    """Print the API's OpenAPI 3.1 document, as GET /openapi.json answers it."""
    click.echo(openapi_document())
