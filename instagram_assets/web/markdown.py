"""Markdown of files of ours as a part of a page: headings, lists, tables and code; no HTML, pictures or links."""

import re
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_PICTURE = re.compile(r"^!\[[^\]\n]*\]\([^)\n]*\)[ \t]*$", re.MULTILINE)
_DEEPEST = 6


def rendered(text: str, below: int, wide: str) -> Markup:
    """The text as HTML. Its headings stand below one of the level `below`; wide tables are regions called `wide`.

    Whatever is HTML in it is shown as it is written. Pictures that stand alone are left out: they lie beside the file,
    where no page finds them.

    >>> str(rendered("# A <b>\\n\\n`c`", 2, "table"))
    '<h3>A &lt;b&gt;</h3>\\n<p><code>c</code></p>\\n'
    """
    tokens = _parser().parse(_PICTURE.sub("", text))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + below, _DEEPEST)}"
        if token.type == "td_open":
            token.attrSet("class", "whole")  # else small screens give a column the width of a letter
        token.attrs.pop("style", None)  # how a column is aligned; the policy of the pages takes no styles from them
    html = str(_parser().renderer.render(tokens, _parser().options, {}))
    region = Markup('<div class="scroll" tabindex="0" role="region" aria-label="{}"><table>').format(wide)
    return Markup(html.replace("<table>", region).replace("</table>", "</table></div>"))


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False}).enable("table")
    return made.disable(["link", "image", "autolink", "reference", "html_inline", "html_block"])
