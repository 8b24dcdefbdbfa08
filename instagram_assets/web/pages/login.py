"""Where people give the token that the web app demands beyond this machine."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from instagram_assets.web.access import SESSION, Access
from instagram_assets.web.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/login", name="login")
def login(request: Request, next: str = "/") -> Response:
    """The form for the token; whoever needs none is sent on."""
    access: Access = request.app.state.access
    if not access.is_demanded or request.scope[SESSION]:
        return RedirectResponse(_ours(next), 303)
    return render(request, "login.html", page="login", next=_ours(next))


def _ours(address: str) -> str:
    """A path of this server; `//host` and `/\\\\host` lead to others, and line breaks are dropped by browsers."""
    is_path = address.startswith("/") and address[1:2] not in ("/", "\\") and address.isprintable()
    return address if is_path and address.isascii() else "/"
