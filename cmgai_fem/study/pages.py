"""Jinja as every page of the package uses it: escaped, strict about names, its blocks leaving no blank lines."""

import jinja2


def page_environment(package: str) -> jinja2.Environment:
    """The environment of the templates in `package`."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
