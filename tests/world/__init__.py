"""Every party of an onboarding as a separate process, for the demo, the end-to-end tests and the bench."""
