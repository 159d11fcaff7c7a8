"""The knowledge base as pages and the command line need it, and what was told in which call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ivr.domain.errors import CallerFault
from ivr.domain.knowledge import Article, ItemKind


class ArticleChanged(CallerFault):
    """Somebody wrote a version since; ``version`` is the one in force, 0 when there is none."""

    code = "article_changed"

    def __init__(self, slug: str, version: int) -> None:
        super().__init__(f"The article {slug} is at version {version} now. Read it again, then change it.")
        self.version = version


@dataclass(frozen=True, slots=True)
class ArticleVersion:
    """Who wrote a version when."""

    version: int
    written_by: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class WrittenArticle:
    """One version of an article."""

    article: Article
    written: ArticleVersion


@dataclass(frozen=True, slots=True)
class ToldItem:
    """One item of a notice in one call. ``by`` None: neither heard nor decided. ``at_s``: where it was heard in the recording."""

    code: str
    kind: ItemKind
    text: str
    told: bool
    by: Literal["machine", "human"] | None
    at_s: float | None
    decided_by: str
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class CallChecklist:
    """The notice of an article as it was told in a call, by the version it was taken with."""

    linked_id: str
    slug: str
    version: int
    title: str
    taken_by: str
    taken_at: datetime
    items: Sequence[ToldItem]


class KnowledgeBase(Protocol):
    """Articles in versions."""

    async def find(
        self, words: Sequence[str], category: str | None, matter: str | None, *, retired: bool
    ) -> Sequence[WrittenArticle]:
        """Articles in force that hold every folded word (all of them for no words), by category and title."""
        ...

    async def article(self, slug: str, version: int | None = None) -> WrittenArticle | None:
        """One version; None: the one in force."""
        ...

    async def versions(self, slug: str) -> Sequence[ArticleVersion]:
        """The newest first."""
        ...

    async def write(self, article: Article, basis: int, by: str) -> WrittenArticle:
        """A new version after ``basis``, audited; equal content writes nothing. Raises ArticleChanged and ArticleRefused."""
        ...


class Checklists(Protocol):
    """What was told in calls. An order has those of its calls."""

    async def of_call(self, linked_id: str) -> Sequence[CallChecklist]:
        """In the order they were taken."""
        ...

    async def of_order(self, number: str) -> Sequence[CallChecklist]:
        """Those of all its calls."""
        ...

    async def decide(self, linked_id: str, slug: str, items: Mapping[str, bool | None], by: str) -> None:
        """Take the article's notice for the call unless it was, and say of items whether they were told; None: let the machine say.

        Raises NotFound for a call, an article or an item that is none.
        """
        ...


@dataclass(frozen=True)
class KnowledgeServices:
    """What the HTTP edge is given."""

    base: KnowledgeBase
    checklists: Checklists
