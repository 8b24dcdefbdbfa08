"""The platform's status, and logging in and out."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from instagram_assets.errors import ConflictError
from instagram_assets.web.authentication import SESSION, SESSION_SECONDS, Access
from instagram_assets.web.dependencies import ServicesDep
from instagram_assets.web.middleware import refused_token
from instagram_assets.web.status import PlatformStatus, cached_status, in_words, of_dagster
from instagram_assets.web.words import words_in

router = APIRouter(prefix="/api")


@router.get("/status", tags=["status"])
async def get_status(services: ServicesDep) -> PlatformStatus:
    """The status, as printed by `instagram-assets status`: what needs a person, what is pending, and every table."""
    platform = await run_in_threadpool(cached_status(services).wait)
    return in_words(platform, await of_dagster(services), words_in("en"))


class Login(BaseModel):
    """The access token with which a browser logs in; programs send it with each request instead."""

    token: str = Field(min_length=1, max_length=1_000, description="The token that the server was started with")


class Session(BaseModel):
    """Whether this browser is logged in."""

    is_logged_in: bool


@router.post("/login", tags=["login"], response_model=Session)
def login(request: Request, body: Login) -> Response:
    """Get a session cookie for the token. After ten wrong tokens in a minute, the response is 429."""
    access: Access = request.app.state.access
    if not access.is_demanded:
        raise ConflictError("This web app demands no token: it is for this machine alone.")
    if refusal := refused_token(request, access, body.token.strip()):
        return refusal
    response = JSONResponse(Session(is_logged_in=True).model_dump())
    is_https = request.url.scheme == "https"
    response.set_cookie(
        access.cookie,
        access.new_session(),
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure=is_https,
    )
    return response


@router.post("/logout", tags=["login"])
def logout(request: Request, response: Response) -> Session:
    """End this browser's session."""
    access: Access = request.app.state.access
    access.end_session(request.scope[SESSION])
    response.delete_cookie(access.cookie, httponly=True, samesite="strict")
    return Session(is_logged_in=False)
