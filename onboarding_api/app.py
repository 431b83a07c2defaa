"""The Flask application of one API process."""

import os
import time

from argon2 import PasswordHasher
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from onboarding_api.config import Config
from onboarding_api.domain.identifiers import Clock, Randomness, Timestamp
from onboarding_api.key_file import load_seal
from onboarding_api.openid_provider import fetch
from onboarding_api.services.registry import open_registry
from onboarding_api.services.watching import StreamLimits
from onboarding_api.storage.database import Database
from onboarding_api.web.audit import audit_views
from onboarding_api.web.bodies import BODY_MAX_OCTETS
from onboarding_api.web.health import health_views
from onboarding_api.web.management.credentials import credential_views
from onboarding_api.web.management.devices import device_views
from onboarding_api.web.management.paths import install_rules
from onboarding_api.web.management.tenants import tenant_views
from onboarding_api.web.onboardings import onboarding_views
from onboarding_api.web.problems import install_problems
from onboarding_api.web.shapes import render_granted
from onboarding_api.web.tokens import token_views

DATABASE = "onboarding-database"
"""Under this name the application keeps its database, for whoever ends it."""


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
) -> Flask:
    """Build the application; the database must be upgraded and the key file readable."""
    database = Database(config.database)
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
    )
    app = Flask(__name__, static_folder=None)
    if config.trusted_proxies:
        proxies = ProxyFix(app.wsgi_app, x_for=config.trusted_proxies, x_proto=0)
        app.wsgi_app = proxies  # type: ignore[method-assign]
    app.extensions[DATABASE] = database
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX_OCTETS
    app.config["PROPAGATE_EXCEPTIONS"] = False
    install_problems(app, randomness)
    app.register_blueprint(health_views())
    app.register_blueprint(token_views(registry))
    app.register_blueprint(onboarding_views(registry))
    app.register_blueprint(audit_views(registry))
    for views in (tenant_views(registry), device_views(registry), credential_views(registry)):
        install_rules(views, config.management_body_max)
        app.register_blueprint(views)
    return app
