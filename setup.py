"""Nests services/ and shared/ in the wheel: two packages of such names would meet others' in site-packages."""

from setuptools import find_packages, setup

SUITE = "homeward.suite"

setup(
    # Or it would be packed itself.
    script_name="setup.py",
    packages=["homeward", SUITE, *(f"{SUITE}.{each}" for each in find_packages(include=["services*", "shared*"]))],
    package_dir={SUITE: "."},
    include_package_data=False,
    package_data={
        SUITE: ["programme.toml", "examples/*.csv", "examples/*.xlsx"],
        f"{SUITE}.services.cli": ["fonts/*"],
        f"{SUITE}.services.partners.contracts": ["guide.*", "published/*", "announced/*"],
        f"{SUITE}.services.gateway.console": ["static/**", "templates/**"],
        f"{SUITE}.shared.contracts": ["examples/*", "schemas/*"],
    },
)
