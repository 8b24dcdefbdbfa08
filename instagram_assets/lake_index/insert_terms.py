"""Inserts the full-text search terms of posts and images into the index."""

from typing import TYPE_CHECKING

import pyarrow as pa

from instagram_assets.lake_index.search_terms import terms_of, token_term

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TERMS = """
INSERT INTO terms
SELECT (SELECT coalesce(max(term), -1) FROM terms) + row_number() OVER (ORDER BY f.text), f.text
FROM (SELECT DISTINCT text FROM found) f ANTI JOIN terms USING (text)
"""


def sort_terms(connection: "DuckDBPyConnection", scratch: str) -> None:
    """Move the search terms collected in the database `scratch` into the index, numbered in sorted order."""
    connection.execute(
        f"CREATE TEMP TABLE ordered AS SELECT term, (row_number() OVER (ORDER BY text) - 1)::INTEGER AS number, text "
        f"FROM {scratch}.terms"
    )
    connection.execute("INSERT INTO terms SELECT number, text FROM ordered ORDER BY number")
    for table, row in (("post_terms", "post"), ("image_terms", "image")):
        connection.execute(
            f"INSERT INTO {table} SELECT o.number, f.{row} FROM {scratch}.{table} f JOIN ordered o USING (term) "
            "ORDER BY 1, 2"
        )
    connection.execute("DROP TABLE ordered")


def insert_post_terms(connection: "DuckDBPyConnection", terms_in: str) -> None:
    """Insert the search terms of new posts: those of their captions and hashtags, and those of their tokens."""
    captions = connection.sql(
        # Collectors may list hashtags that the caption does not have.
        "SELECT post, concat_ws(' ', caption, array_to_string(list_transform(hashtags, lambda tag: '#' || tag), ' ')) "
        "AS caption FROM new_posts WHERE caption IS NOT NULL OR len(hashtags) > 0"
    ).to_arrow_table()
    words = connection.sql(
        # DISTINCT beside a recursive unnest compares the words alone, not their parts of speech.
        "SELECT DISTINCT word, pos FROM (SELECT unnest(tokens, recursive := true) FROM lake_tokens)"
    ).to_arrow_table()
    different: list[tuple[str, str]] = [
        (word, pos) for word, pos in zip(words["word"].to_pylist(), words["pos"].to_pylist(), strict=True) if word
    ]
    folded = [(word, pos, term) for word, pos in different for term in {*terms_of("", (word,)), token_term(word, pos)}]
    connection.register(
        "of_words",
        pa.table(
            {
                "word": pa.array([word for word, _, _ in folded], pa.string()),
                "pos": pa.array([pos for _, pos, _ in folded], pa.string()),
                "text": pa.array([term for _, _, term in folded], pa.string()),
            }
        ),
    )
    connection.register("of_captions", _terms(captions["post"].to_pylist(), captions["caption"].to_pylist()))
    connection.execute(
        "CREATE TEMP TABLE found AS SELECT text, row FROM of_captions UNION "
        "SELECT w.text, t.post FROM (SELECT p.post, unnest(t.tokens, recursive := true) "
        "FROM lake_tokens t JOIN new_posts p USING (account, day, post_id)) t "
        "JOIN of_words w ON w.word = t.word AND w.pos IS NOT DISTINCT FROM t.pos"
    )
    connection.unregister("of_words")
    connection.unregister("of_captions")
    _insert_found(connection, terms_in, "post_terms")


def insert_image_terms(connection: "DuckDBPyConnection", terms_in: str, first: int) -> None:
    """Insert the search terms of generated image captions, for images with row index `first` or higher."""
    captions = connection.sql(
        "SELECT image, caption FROM images WHERE image >= $1 AND caption IS NOT NULL", params=[first]
    ).to_arrow_table()
    connection.register("of_captions", _terms(captions["image"].to_pylist(), captions["caption"].to_pylist()))
    connection.execute("CREATE TEMP TABLE found AS SELECT * FROM of_captions")
    connection.unregister("of_captions")
    _insert_found(connection, terms_in, "image_terms")


def _terms(rows: list[int], captions: list[str]) -> pa.Table:
    """Returns one row (`text`, `row`) per caption and distinct term; `rows` are the row indices of the captions."""
    texts: list[str] = []
    of_rows: list[int] = []
    for row, caption in zip(rows, captions, strict=True):
        terms = terms_of(caption)
        texts += terms
        of_rows += [row] * len(terms)
    return pa.table({"text": pa.array(texts, pa.string()), "row": pa.array(of_rows, pa.int32())})


def _insert_found(connection: "DuckDBPyConnection", terms_in: str, table: str) -> None:
    terms = f"{terms_in}.terms"
    connection.execute(
        _TERMS.replace("FROM terms", f"FROM {terms}")
        .replace("INTO terms", f"INTO {terms}")
        .replace("JOIN terms", f"JOIN {terms}")
    )
    connection.execute(
        f"INSERT INTO {terms_in}.{table} SELECT t.term, f.row FROM found f JOIN {terms} t USING (text) ORDER BY 1, 2"
    )
    connection.execute("DROP TABLE found")
