"""The phone's part: reads a label, relays between device and onboarding API, gives the device its Wi-Fi."""
