"""Export files: put into the inbox, and what became of them."""

from fastapi import APIRouter

router = APIRouter(prefix="/api", tags=["inbox"])
