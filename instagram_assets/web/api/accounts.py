"""Accounts and hashtags that are collected: how each stands, a refresh, and forgetting one."""

from fastapi import APIRouter

router = APIRouter(prefix="/api", tags=["accounts"])
