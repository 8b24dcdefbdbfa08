"""The images of a collection: listed, shown, kept and dropped by hand."""

from fastapi import APIRouter

router = APIRouter(prefix="/api", tags=["images"])
