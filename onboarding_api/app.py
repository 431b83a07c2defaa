"""The Flask application of one API process."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from onboarding_api.config import Config
from onboarding_api.domain.identifiers import Clock, Randomness, Timestamp
from onboarding_api.key_file import load_seal
from onboarding_api.openid_provider import fetch
from onboarding_api.services.admission import Admission, Limits
from onboarding_api.services.buckets import Buckets, Rate
from onboarding_api.services.registry import open_registry
from onboarding_api.services.watching import StreamLimits
from onboarding_api.storage.database import Database
from onboarding_api.web.admission import install_admission
from onboarding_api.web.audit import audit_views
from onboarding_api.web.bodies import BODY_MAX_OCTETS
from onboarding_api.web.health import health_views
from onboarding_api.web.management.credentials import credential_views
from onboarding_api.web.management.devices import device_views
from onboarding_api.web.management.paths import install_rules, install_sharing, keep_empty_segments
from onboarding_api.web.management.tenants import tenant_views
from onboarding_api.web.metrics import Metrics, metric_views
from onboarding_api.web.observation import install_observation
from onboarding_api.web.onboardings import onboarding_views
from onboarding_api.web.problems import install_problems
from onboarding_api.web.shapes import render_granted
from onboarding_api.web.tokens import token_views

DATABASE = "onboarding-database"
"""Under this name the application keeps its database, for whoever ends it."""
REGISTRY = "onboarding-registry"
"""Under this name the application keeps its services, for whoever tells them that the process is about to end."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the worker processes of one server have in common."""

    buckets: Buckets
    metrics: Path | None = None
    """The folder for their figures."""


def wall_clock() -> Timestamp:
    """Return the present moment."""
    return Timestamp(int(time.time()))


def create_app(
    config: Config,
    *,
    clock: Clock = wall_clock,
    randomness: Randomness = os.urandom,
    limits: StreamLimits | None = None,
    hasher: PasswordHasher | None = None,
    shared: Shared | None = None,
) -> Flask:
    """Build the application; the database must be upgraded and the key file readable."""
    shared = shared or Shared(Buckets(randomness))
    database = Database(config.database, config.patience_s)
    registry = open_registry(
        database,
        load_seal(config.key_file),
        config.issuer,
        limits or StreamLimits(config.streams),
        render=render_granted,
        clock=clock,
        randomness=randomness,
        hasher=hasher,
        openid=None if config.openid is None else (config.openid, fetch),
        certificate_life_s=config.certificate_life_s,
    )
    app = Flask(__name__, static_folder=None)
    if config.trusted_proxies:
        proxies = ProxyFix(app.wsgi_app, x_for=config.trusted_proxies, x_proto=0)
        app.wsgi_app = proxies  # type: ignore[method-assign]
    app.extensions[DATABASE] = database
    app.extensions[REGISTRY] = registry
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX_OCTETS
    app.config["PROPAGATE_EXCEPTIONS"] = False
    metrics = Metrics(shared.metrics)
    install_observation(app, metrics, randomness)
    rates = Limits(Rate.of(config.account_rate), Rate.of(config.tenant_rate), config.tenant_at_once)
    install_admission(app, Admission(rates, shared.buckets))
    install_problems(app)
    keep_empty_segments(app)
    install_sharing(app)
    app.register_blueprint(health_views(registry.readiness))
    app.register_blueprint(metric_views(registry, metrics))
    app.register_blueprint(token_views(registry))
    app.register_blueprint(onboarding_views(registry))
    app.register_blueprint(audit_views(registry))
    for views in (tenant_views(registry), device_views(registry), credential_views(registry)):
        install_rules(views, config.management_body_max)
        app.register_blueprint(views)
    return app
