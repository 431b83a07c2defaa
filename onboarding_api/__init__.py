"""The onboarding API and tenant registry: web → services → storage → domain, imports in that direction only."""
