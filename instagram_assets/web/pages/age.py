"""The age model: how good it is, what it rests on and what it says of all accounts together; off by default."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.errors import QueryError
from instagram_assets.insights.charts import PAGES
from instagram_assets.web.age_facts import read_age_facts
from instagram_assets.web.filter_given import filter_of
from instagram_assets.web.markdown import rendered
from instagram_assets.web.reliability import reliability_of
from instagram_assets.web.rendering import render, words_of
from instagram_assets.web.services import Given

router = APIRouter(include_in_schema=False)


@router.get("/age", name="age")
def age(request: Request, services: Given) -> HTMLResponse:
    """The age model that the settings name, or why there is none."""
    found = read_age_facts(services.settings)
    model = found.evaluations.get("model")
    return render(
        request,
        "age.html",
        page="insights",
        shown="age",
        tabs=PAGES,
        query=_kept(request),
        found=found,
        own=model,
        diagram=reliability_of(model.bins) if model else None,
        card=rendered(found.card, 2, words_of(request)("age.table")) if found.card else "",
    )


def _kept(request: Request) -> str:
    """The filter of the tabs, which says nothing of the age model and is kept for whoever goes back to them."""
    try:
        return filter_of(request).to_query()
    except QueryError:
        return ""
