"""Start a collection, list, follow, cancel and delete them."""

from fastapi import APIRouter

router = APIRouter(prefix="/api", tags=["jobs"])
