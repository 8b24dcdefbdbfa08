"""The age model as numbers; of one that is switched off nothing but that it is."""

from fastapi import APIRouter

from instagram_assets.web.age_facts import AgeFacts, read_age_facts
from instagram_assets.web.services import Given

router = APIRouter(prefix="/api", tags=["age model"])


@router.get("/age")
def get_age(services: Given) -> AgeFacts:
    """How good the age model is on people whom it had never seen, and what it says of all accounts together.

    Off by default: then `state` is `off` and nothing else is told. Not for decisions about a person.
    """
    return read_age_facts(services.settings)
