"""For all tests, the plugins' own included: a busy machine must not make one fail."""

from hypothesis import HealthCheck, settings

settings.register_profile("brainzoo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("brainzoo")
