"""Log in with the token that the web app demands beyond this machine, and out again."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from instagram_assets.errors import ConflictError
from instagram_assets.web.access import SESSION, SESSION_SECONDS, Access
from instagram_assets.web.entrance import refused_token

router = APIRouter(prefix="/api", tags=["login"])


class Login(BaseModel):
    """What a browser logs in with; programs send the token with each request instead."""

    token: str = Field(min_length=1, max_length=1_000, description="The token that the server was started with")


class Session(BaseModel):
    """Whether this browser is logged in now."""

    is_logged_in: bool


@router.post("/login", response_model=Session)
def login(request: Request, wanted: Login) -> Response:
    """Get a cookie for the token. Ten wrong ones in a minute are answered; then 429."""
    access: Access = request.app.state.access
    if not access.is_demanded:
        raise ConflictError("This web app demands no token: it is for this machine alone.")
    if refusal := refused_token(request, access, wanted.token.strip()):
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


@router.post("/logout")
def logout(request: Request, response: Response) -> Session:
    """End this browser's session."""
    access: Access = request.app.state.access
    access.end_session(request.scope[SESSION])
    response.delete_cookie(access.cookie, httponly=True, samesite="strict")
    return Session(is_logged_in=False)
