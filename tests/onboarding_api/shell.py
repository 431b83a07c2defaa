"""Commands over one registry, configured by variables alone."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from onboarding_api.cli import onboarding_api
from tests.onboarding_api.actors import Json, database_url


class Shell:
    """The command line in this process."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.variables = {
            "ONBOARDING_DATABASE": database,
            "ONBOARDING_KEY_FILE": str(folder / "registry.key"),
        }

    @classmethod
    def over(cls, folder: Path) -> "Shell":
        """Return the command line of a registry that exists."""
        return cls(folder, database_url(folder))

    def run(self, *arguments: str, stdin: str = "") -> Result:
        return CliRunner(env=self.variables).invoke(onboarding_api, arguments, input=stdin)

    def ok(self, *arguments: str, stdin: str = "") -> str:
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    def json(self, *arguments: str, stdin: str = "") -> Json:
        """Run a command that answers one document."""
        answered: Json = json.loads(self.ok(*arguments, "--json", stdin=stdin))
        return answered

    def events(self, *arguments: str, ends_with: int = 0) -> list[Json]:
        """Run a command that answers a document per line."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == ends_with, (result.output, result.exception)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def refused(self, *arguments: str, stdin: str = "") -> Exception:
        """Run a command that ends with an error of ours."""
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == 1
        assert isinstance(result.exception, Exception)
        return result.exception
