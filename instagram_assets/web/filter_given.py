"""The filter of an address, as a parameter of routes."""

from typing import Annotated

from fastapi import Depends, Request

from instagram_assets.lake_index.filters import Filter


def filter_of(request: Request) -> Filter:
    """What the address says is wanted. Raises QueryError."""
    asked = request.query_params
    return Filter.of({name: asked.getlist(name) for name in asked})


Wanted = Annotated[Filter, Depends(filter_of)]
"""A parameter of a route that gets the filter of its address."""
