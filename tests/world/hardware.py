"""Hardware that keeps keys, as its emulators: a TPM 2.0 (swtpm) and PKCS#11 tokens (SoftHSM2)."""

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from device_agent.config import KeysConfig, KeyStoreKind

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
SOFTHSM_CONF = "SOFTHSM2_CONF"


@contextmanager
def running_tpm(folder: Path) -> Iterator[KeysConfig]:
    """Run a TPM of its own, with what it remembers in `folder`; swtpm has made its sockets when it goes on alone."""
    folder.mkdir(parents=True, exist_ok=True)
    pid_file, server, control = (folder / name for name in ("pid", "tpm", "tpm.ctrl"))
    command = ["swtpm", "socket", "--tpm2", "--daemon", "--flags", "not-need-init,startup-clear"]
    command += ["--tpmstate", f"dir={folder}", "--pid", f"file={pid_file}"]
    command += ["--server", f"type=unixio,path={server}", "--ctrl", f"type=unixio,path={control}"]
    subprocess.run(command, check=True)
    try:
        yield KeysConfig(store=KeyStoreKind.TPM, tcti=f"swtpm:path={server}")
    finally:
        os.kill(int(pid_file.read_text()), signal.SIGTERM)


@dataclass(frozen=True)
class Tokens:
    """The drawer that SoftHSM keeps its tokens in; whoever uses them needs `environment`."""

    folder: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "Tokens":
        (folder / "tokens").mkdir(parents=True)
        (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
        return cls(folder)

    @property
    def environment(self) -> dict[str, str]:
        return {SOFTHSM_CONF: str(self.folder / "softhsm2.conf")}

    def add(self, label: str) -> KeysConfig:
        """Make a token with a PIN of its own."""
        pin = secrets.token_hex(6)
        pin_file = self.folder / f"{label}.pin"
        pin_file.write_text(f"{pin}\n")
        pin_file.chmod(0o600)
        command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", secrets.token_hex(6)]
        environment = {**os.environ, **self.environment}
        subprocess.run([*command, "--pin", pin], check=True, env=environment, stdout=subprocess.DEVNULL)
        return KeysConfig(store=KeyStoreKind.PKCS11, module=SOFTHSM, token=label, pin_file=pin_file)


def as_toml(keys: KeysConfig) -> str:
    """Return the part of a configuration that names this key store."""
    facts = {name: getattr(keys, name) for name in ("store", "tcti", "module", "token", "pin_file")}
    return "\n[keys]\n" + "".join(f'{name} = "{value}"\n' for name, value in facts.items() if value is not None)
