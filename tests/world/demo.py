"""`make demo`: the main job, told aloud. Exit 0 only if both sides say that the device is connected."""

import argparse
import asyncio
import json
import shutil
import signal
import sys
import time
from pathlib import Path

from cryptography import x509

from tests.world.process import Event, ProcessError
from tests.world.world import PASSPHRASE, Device, World

FOLDER = Path(__file__).parent.parent.parent / "demo-run"
_BOLD, _DIM, _PLAIN = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def main() -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(prog="make demo ARGS=…", description=__doc__)
    parser.add_argument("--wrong-password", action="store_true", help="mistype the Wi-Fi password first")
    parser.add_argument("--mtu", type=int, default=185, help="ATT_MTU of the link (an iPhone: 185)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where everything is written")
    arguments = parser.parse_args()
    try:
        return asyncio.run(_until_interrupted(arguments.folder.absolute(), arguments.wrong_password, arguments.mtu))
    except ProcessError as error:
        print(f"The demo could not go on: {error}", file=sys.stderr)
        print(f"Every party's log is in {arguments.folder}.", file=sys.stderr)
        return 1


async def _until_interrupted(folder: Path, wrong_password: bool, mtu: int) -> int:
    story = asyncio.create_task(_story(folder, wrong_password, mtu))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, story.cancel)
    try:
        return await story
    except asyncio.CancelledError:
        print("\nInterrupted; every process has been stopped.", file=sys.stderr)
        return 130


async def _story(folder: Path, wrong_password: bool, mtu: int) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    begun = time.monotonic()
    _say("Starting virtual Bluetooth, broker, API and a factory-fresh device, each a process of its own")
    async with World.start(folder, mtu=mtu) as world:
        device = await world.add_device("SN-2026-0001")
        await device.run(window=False)
        _note(f"up in {time.monotonic() - begun:.1f} s; logs and state in {folder.name}/")
        _say("The label on the device")
        print("\n".join(await world.command([*device.command, "label"])))
        _say("Somebody presses the button: the provisioning window opens")
        await device.open()
        _say(f"The app scans {device.label.relative_to(folder.parent)} and does the rest")
        passphrases = ("not the password", PASSPHRASE) if wrong_password else (PASSPHRASE,)
        onboarding = await _onboard(world, device, passphrases)
        if onboarding is None:
            return 1
        return await _verdict(world, device, onboarding)


async def _onboard(world: World, device: Device, passphrases: tuple[str, ...]) -> str | None:
    started = time.monotonic()
    app = await world.begin_onboarding(device.label, passphrases=passphrases)
    async for event in app.every_event():
        _show_step(event)
    if app.returncode != 0:
        print(app.story, file=sys.stderr)
        return None
    _note(f"{time.monotonic() - started:.2f} s from scanning to connected")
    result = app.events[-1]["result"]
    return str(result["onboarding"]) if isinstance(result, dict) else None


async def _verdict(world: World, device: Device, onboarding: str) -> int:
    held = await device.ask("status")
    told = json.loads((await _api_says(world, onboarding))[-1])["result"]
    certificate = x509.load_pem_x509_certificate((device.folder / "state" / "certificate.pem").read_bytes())
    _say("What the device holds")
    _facts(held)
    _facts(
        {
            "certificate": certificate.subject.rfc4514_string(),
            "issued by": certificate.issuer.rfc4514_string(),
            "valid until": certificate.not_valid_after_utc.date(),
        }
    )
    _say("What the API says")
    _facts(told)
    connected = held["state"] == told["state"] == "connected" and held["contact"] == "connected"
    same = held["device"] == told["device"]["id"] and str(held["device"]) in certificate.subject.rfc4514_string()
    _say("Owned, certified, connected." if connected and same else "The two sides do not agree.")
    return 0 if connected and same else 1


async def _api_says(world: World, onboarding: str) -> list[str]:
    app = await world.app("status", onboarding, "--json")
    await app.finish()
    return app.text


def _show_step(event: Event) -> None:
    facts, seconds = event.get("facts"), event.get("seconds")
    if isinstance(facts, dict) and isinstance(seconds, float):
        told = "  ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
        print(f"{seconds:7.2f} s  {event['step']:<14}{told}", flush=True)


def _say(sentence: str) -> None:
    print(f"\n{_BOLD}{sentence}{_PLAIN}", flush=True)


def _note(sentence: str) -> None:
    print(f"{_DIM}{sentence}{_PLAIN}", flush=True)


def _facts(facts: dict[str, object]) -> None:
    for name, value in facts.items():
        if isinstance(value, dict):
            _facts({f"{name}.{key}": item for key, item in value.items()})
        elif value is not None:
            print(f"  {name:<24} {value}")


if __name__ == "__main__":
    sys.exit(main())
