"""Every table's contract: its columns, their types, and what each one means; and the tables that are views."""

from instagram_assets.schemas.ads import RAW_ADS
from instagram_assets.schemas.age import AGE_PREDICTIONS
from instagram_assets.schemas.collected import COLLECTED_ACCOUNTS
from instagram_assets.schemas.columns import (
    ARCHIVE_SCHEME,
    CANDIDATES,
    EMBEDDING,
    MEDIA,
    MOMENT,
    SCORED_WORDS,
    SIZES,
    TEXTS,
    WORDS,
)
from instagram_assets.schemas.comments import RAW_COMMENTS
from instagram_assets.schemas.contract import Column, Contract, View
from instagram_assets.schemas.engagement import IMPRESSIONS, POST_METRICS, POST_METRICS_VIEW, VIRAL_LABELS
from instagram_assets.schemas.images import CAPTIONS, CLUSTERS, EMBEDDINGS, IMAGE_QUALITY, IMAGES
from instagram_assets.schemas.landing import LANDED_FILES, QUARANTINE
from instagram_assets.schemas.posts import POSTS, POSTS_RAW, PROFILES_RAW
from instagram_assets.schemas.reels import KEY_MOMENTS, REEL_ANALYSES, REEL_VIDEOS, TIMELINE, VIRAL_HYPOTHESES
from instagram_assets.schemas.search import (
    OVERRIDES,
    SEARCH_CLUSTERS,
    SEARCH_DATASET,
    SEARCH_EMBEDDINGS,
    SEARCH_IMAGES,
    SEARCH_RESULTS,
)
from instagram_assets.schemas.text import TOKEN_COUNTS, TOKEN_COUNTS_VIEW, TOKENS, TOPICS

__all__ = [
    "AGE_PREDICTIONS",
    "ARCHIVE_SCHEME",
    "CANDIDATES",
    "CAPTIONS",
    "CLUSTERS",
    "COLLECTED_ACCOUNTS",
    "CONTRACTS",
    "EMBEDDING",
    "EMBEDDINGS",
    "IMAGES",
    "IMAGE_QUALITY",
    "IMPRESSIONS",
    "KEY_MOMENTS",
    "LANDED_FILES",
    "MEDIA",
    "MOMENT",
    "OVERRIDES",
    "POSTS",
    "POSTS_RAW",
    "POST_METRICS",
    "POST_METRICS_VIEW",
    "PROFILES_RAW",
    "QUARANTINE",
    "RAW_ADS",
    "RAW_COMMENTS",
    "REEL_ANALYSES",
    "REEL_VIDEOS",
    "SCORED_WORDS",
    "SEARCH_CLUSTERS",
    "SEARCH_DATASET",
    "SEARCH_EMBEDDINGS",
    "SEARCH_IMAGES",
    "SEARCH_RESULTS",
    "SIZES",
    "TEXTS",
    "TIMELINE",
    "TOKENS",
    "TOKEN_COUNTS",
    "TOKEN_COUNTS_VIEW",
    "TOPICS",
    "VIEWS",
    "VIRAL_HYPOTHESES",
    "VIRAL_LABELS",
    "WORDS",
    "Column",
    "Contract",
    "View",
]

CONTRACTS: dict[str, Contract] = {
    "collected_accounts": COLLECTED_ACCOUNTS,
    "landed_files": LANDED_FILES,
    "quarantine": QUARANTINE,
    "raw_posts": POSTS_RAW,
    "raw_reels": POSTS_RAW,
    "raw_profiles": PROFILES_RAW,
    "raw_ads": RAW_ADS,
    "raw_comments": RAW_COMMENTS,
    "posts": POSTS,
    "images": IMAGES,
    "image_quality": IMAGE_QUALITY,
    "captions": CAPTIONS,
    "embeddings": EMBEDDINGS,
    "clusters": CLUSTERS,
    "search_results": SEARCH_RESULTS,
    "search_images": SEARCH_IMAGES,
    "search_embeddings": SEARCH_EMBEDDINGS,
    "search_clusters": SEARCH_CLUSTERS,
    "overrides": OVERRIDES,
    "search_dataset": SEARCH_DATASET,
    "impressions": IMPRESSIONS,
    "post_metrics": POST_METRICS,
    "viral_labels": VIRAL_LABELS,
    "reel_videos": REEL_VIDEOS,
    "reel_analyses": REEL_ANALYSES,
    "viral_hypotheses": VIRAL_HYPOTHESES,
    "tokens": TOKENS,
    "token_counts": TOKEN_COUNTS,
    "topics": TOPICS,
    "age_predictions": AGE_PREDICTIONS,
}

VIEWS: dict[str, View] = {
    "post_metrics": POST_METRICS_VIEW,
    "token_counts": TOKEN_COUNTS_VIEW,
}
