"""The numbers of charts, as JSON and as CSV."""

from fastapi import APIRouter

router = APIRouter(prefix="/api", tags=["insights"])
