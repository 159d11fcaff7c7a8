"""Wire shapes of the knowledge base and of notices told in calls."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool, StringConstraints

from ivr.domain.knowledge import ItemKind
from ivr.domain.search_text import LONGEST_QUERY, SHORTEST_WORD
from ivr.web.models import Moment, Seconds, Wire
from ivr.web.query import Query, Word, plain_digits

Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Version = Annotated[int, Field(ge=1, le=999_999), BeforeValidator(plain_digits)]


class KnowledgeQuery(Query):
    q: Annotated[str, StringConstraints(min_length=SHORTEST_WORD, max_length=LONGEST_QUERY)] | None = Field(
        None, description="one to five words of two characters or more, parted by spaces; all of them stand in the article"
    )
    category: Word | None = None
    matter: Word | None = None
    retired: Literal["true", "false"] = Field("false", description="true: also those no longer used")


class ArticleQuery(Query):
    version: Version | None = Field(None, description="default: the one in force")


class NoticeItem(Wire):
    """One thing a citizen has to be told; ``heard`` are the words a machine knows it by."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,29}$")]
    kind: ItemKind
    text: Line
    heard: list[Annotated[str, StringConstraints(min_length=2, max_length=40)]] = Field(max_length=12)


class ArticleHead(Wire):
    """An article of a list. ``excerpt`` is what stands around the first word that was looked for, else its beginning."""

    slug: str
    version: int
    category: str
    matter: str
    title: str
    sample: bool = Field(description="came with the program, and no lawyer of the centre has reviewed it")
    retired: bool
    has_notice: bool
    excerpt: str


class ArticleList(Wire):
    articles: list[ArticleHead]


class ArticleVersion(Wire):
    version: int
    written_by: str
    written_at: Moment


class ArticleAnswer(Wire):
    """One version of an article; ``current`` is the version in force. Texts are plain, lines parted by line feeds."""

    slug: str
    version: int
    current: int
    category: str
    matter: str
    title: str
    body: str
    statutes: list[str]
    sample: bool
    retired: bool
    checklist: list[NoticeItem]
    versions: list[ArticleVersion]


class ArticleWish(Wire):
    """A new version, whole."""

    category: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    matter: Annotated[str, StringConstraints(max_length=40)] = ""
    title: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    body: Annotated[str, StringConstraints(min_length=1, max_length=8000)]
    statutes: list[Line] = Field(default_factory=list, max_length=20)
    sample: StrictBool = False
    retired: StrictBool = False
    checklist: list[NoticeItem] = Field(default_factory=list, max_length=20)


class ToldItem(Wire):
    """``by``: who says that it was told or not; null: not heard, and nobody decided. A person's word wins over the machine's."""

    code: str
    kind: ItemKind
    text: str
    told: bool
    by: Literal["machine", "human"] | None
    at_s: Seconds | None = Field(description="where the operator was heard to say it")
    decided_by: str
    decided_at: Moment | None


class CallChecklist(Wire):
    call: str
    slug: str
    version: int
    title: str
    taken_by: str
    taken_at: Moment
    items: list[ToldItem]


class ChecklistList(Wire):
    checklists: list[CallChecklist]


class ChecklistWish(Wire):
    """Whether items were told; null lets the machine say. An empty object takes the notice for the call."""

    items: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,29}$")], StrictBool | None] = Field(max_length=20)
