"""The agent on the Linux device: window, identity, Wi-Fi, endpoint. Talks to phones and to its endpoint only."""
