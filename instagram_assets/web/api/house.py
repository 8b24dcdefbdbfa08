"""What waits, failed, was refused or is missing, each with its remedy."""

from fastapi import APIRouter

router = APIRouter(prefix="/api", tags=["house"])
