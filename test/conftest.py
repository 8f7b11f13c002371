"""For all tests: examples may take their time, because other programs may use the machine too."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
