"""The client: sessions in, recommended items out."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from modules.items.item_names import ItemNames
from serving.canary_share import goes_to_canary
from serving.client.addresses import Address, parse_address
from serving.client.categories import CategoryRule
from serving.client.errors import ServerError
from serving.client.fallback import FallbackList
from serving.client.item_source import ItemSource
from serving.client.requests import Reply, Request, Transport, headers_of
from serving.client.rest_transport import RestTransport
from serving.client.retries import Deadline, Retries
from serving.pushed_models import SIGNATURE, Recommendation, best_items

STABLE, CANARY = "stable", "canary"
FILTERED = "recommend_filtered"
# Most sessions, and item ids with padding, of one request: servers must answer it within the
# timeout and their limits, which a large catalogue lowers.
_ROWS, _CELLS = 500, 50_000
_MOST_ITEMS = 100  # that a model recommends
_TOO_LARGE = 413  # HTTP's status
_MISSING_FOR = 10.0  # seconds until a label that was missing is looked for again


class Answer(NamedTuple):
    """The answer to one session.

    Attributes:
      items: best first.
      is_fallback: whether they are those of the fallback list, since the server is away.
      label: label of the version that answered, as the server says, or as the request named it;
        None if neither does.
      version: the version that answered; None for a fallback, and if the server does not say.
      error: why the server did not answer; None if it did.
    """

    items: list[Recommendation]
    is_fallback: bool = False
    label: str | None = None
    version: str | None = None
    error: str | None = None


class Client:
    """Queries one model of a server, TensorFlow Serving or `session-retrieval serve`.

    A client keeps its connections, and may be used by several threads.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 10.0,
        *,
        label: str | None = None,
        canary_share: float = 0.0,
        retries: Retries = Retries(),  # noqa: B008  (frozen)
        fallback: str | Path | None = None,
        token: str | None = None,
        items: str | Path | None = None,
    ) -> None:
        """Checks the address; connects with the first request.

        Args:
          url: URL of the server, `http://host:8501` or `grpc://host:8500`, of a model on it,
            `http://host:8501/v1/models/name`, or of a version of that, `.../versions/7`.
          timeout: seconds for a request, with all its tries; the look-up of the host's name alone
            is not counted.
          label: label of the version that answers; None for the server's newest.
          canary_share: share of the sessions that the model on trial answers, from 0 to 1; the
            stable one answers all others. The id of a session decides.
          retries: how often and how soon a request is tried again that got no answer, or one with
            the status 429, 502 or 503.
          fallback: file with the items to recommend while the server is away, one id a line; it
            is written when there are newer ones, see `renew_fallback`.
          token: what the server wants as a bearer token; it travels as it is, so use TLS.
          items: names and categories of items: a pushed model's folder, or its file
            `assets.extra/items.json.gz`; needed for categories with TensorFlow Serving and with
            gRPC. None gets them from `session-retrieval serve`, and again after a push.

        Raises:
          ServerError: the address is not valid.
          ValueError: label and share exclude each other, the share is not from 0 to 1, or `items`
            is not such a file.
        """
        goes_to_canary("", canary_share)
        if label is not None and canary_share:
            raise ValueError("label and canary_share exclude each other: give one")
        address = parse_address(url)
        if address.has_choice and (label is not None or canary_share):
            raise ServerError(f"{url} names a version or label already: leave it or the label out.")
        self.url = address.url
        self._timeout, self._retries, self._label = timeout, retries, label
        self._share = canary_share
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}
        self._transport: Transport = _transport(address)
        self._items = ItemSource(self._transport, self.url, items)
        self._fallback = FallbackList(fallback)
        self._rows = _ROWS
        self._missing: dict[str, float] = {}

    def answer(
        self,
        session: Sequence[str],
        count: int,
        *,
        label: str | None = None,
        session_id: str | None = None,
        visitor_id: str | None = None,
        allow_categories: Sequence[str] | None = None,
        exclude_categories: Sequence[str] = (),
    ) -> Answer:
        """Returns the best items for one session, or the fallback list while the server is away.

        It is away, too, if it has no version of the label, as for a moment after a rollback.

        Args:
          session: item ids in time order, known to the model or not.
          count: most items, at most 100.
          label: label of the version that answers, in place of the client's.
          session_id: decides with `canary_share` which model answers, and is in the server's log.
          visitor_id: is in the server's log, hashed.
          allow_categories: an item must have one of these categories; None for any item.
          exclude_categories: an item must have none of these.

        Raises:
          ServerError: the server refuses the request, or is away and there is no fallback list; or
            there are no categories.
          ValueError: an id cannot be sent, or the session is not a list.
        """
        rule = CategoryRule.of(allow_categories, exclude_categories)
        of_session = (label, session_id, visitor_id)
        try:
            rows, reply, answered = self._rows_of([session], *of_session)
            if rule:
                found = self._filtered([session], rows, count, rule, reply.version, of_session)
                return Answer(found[0], label=answered, version=reply.version)
        except ServerError as error:
            has_none = not (error.is_away or error.is_label_missing)
            if has_none or not self._fallback.items:
                raise
            # As the model scores popular items for a session without known ones.
            scored = enumerate(self._fallback.items)
            items = [Recommendation(name, -float(place)) for place, name in scored]
            if rule:  # without categories an excluded item could be shown
                names = self._items.at_hand()
                items = rule.kept(items, self.item_names() if names is None else names)
            return Answer(items[:count], is_fallback=True, error=str(error))
        if not any(session):
            self._fallback.keep([item.item_id for item in rows[0]])
        return Answer(rows[0][:count], label=answered, version=reply.version)

    def renew_fallback(self) -> tuple[str, ...]:
        """Keeps the server's popular items as the fallback list; returns them.

        Call it at the start, and when a model was pushed or the recommendable items changed: a
        session without items gets the popular ones, of those that may be recommended.

        Raises:
          ServerError: the server does not answer; the list is as it was.
        """
        rows, _, _ = self._rows_of([[]], STABLE if self._share else None, None, None)
        self._fallback.keep([item.item_id for item in rows[0]])
        return self._fallback.items

    def item_names(self) -> ItemNames:
        """Returns names and categories of all items that the model knows.

        Those of the last minute are returned again; after it the client looks for newer ones.

        Raises:
          ServerError: there are none.
        """
        return self._items.all(self._headers, self._timeout, None)

    def describe(self, item_ids: Sequence[str]) -> ItemNames:
        """Returns names and categories of some items; nothing if the server does not know them.

        Raises:
          ServerError: the server does not answer.
        """
        return self._items.of(item_ids, self._headers, self._timeout)

    def unknown_items(self, item_ids: Sequence[str]) -> list[str] | None:
        """Returns those of some items that the server's stable model does not know.

        None if the server cannot say: TensorFlow Serving, and gRPC.

        Raises:
          ServerError: the server does not answer.
        """
        return self._items.unknown(item_ids, self._headers, self._timeout)

    def recommend(
        self,
        sessions: Sequence[Sequence[str]],
        count: int,
        *,
        allow_categories: Sequence[str] | None = None,
        exclude_categories: Sequence[str] = (),
    ) -> list[list[Recommendation]]:
        """Returns the best items for each session, best first, as `pushed_models` does.

        Many sessions are sent in several requests, each with the whole timeout, and with fewer
        sessions after the server has refused one as too large.

        Args:
          sessions: item ids of each session in time order, known to the model or not.
          count: most items per session, at most 100.
          allow_categories: see `answer`.
          exclude_categories: see `answer`.

        Raises:
          ServerError: the server does not answer with recommendations, or there are no categories.
        """
        rule = CategoryRule.of(allow_categories, exclude_categories)
        answers: list[list[Recommendation]] = []
        while len(answers) < len(sessions):
            part = _next_part(sessions[len(answers) : len(answers) + self._rows])
            try:
                rows, reply, _ = self._rows_of(part, None, None, None)
            except ServerError as error:
                if error.status != _TOO_LARGE or len(part) == 1:
                    raise
                self._rows = len(part) // 2
            else:
                if rule:
                    rows = self._filtered(part, rows, count, rule, reply.version)
                answers += [row[:count] for row in rows]
        return answers

    def _filtered(
        self,
        sessions: Sequence[Sequence[str]],
        rows: Sequence[Sequence[Recommendation]],
        count: int,
        rule: CategoryRule,
        version: str | None,
        of_session: tuple[str | None, str | None, str | None] = (None, None, None),
    ) -> list[list[Recommendation]]:
        """Returns the best items of some categories for each session.

        The best items of all, which are there already, are mostly enough. Only a session that has
        too few of them left is sent again, with the ids of categories, which may be many. An
        approximate index cannot be searched with them: there it has those few.

        Args:
          sessions: item ids of each session.
          rows: the best items of all for each session.
          count: number of items.
          rule: what may be recommended.
          version: version that answered.
          of_session: label, id of the session and id of the visitor.
        """
        names = self._items.all(self._headers, self._timeout, version)
        answers = [rule.kept(row, names)[:count] for row in rows]
        short = [
            place
            for place, row in enumerate(rows)
            if len(answers[place]) < min(count, _MOST_ITEMS) and len(row) == _MOST_ITEMS
        ]
        if not short:
            return answers
        allow, exclude = rule.ids(names)
        if rule.allow is not None and not allow:
            return answers  # no item has such a category; a list without ids would allow all
        for place in short:
            inputs = {
                "item_ids": [list(sessions[place]) or [""]],
                "k": min(count, _MOST_ITEMS),
                "allow": [allow or [""]],
                "exclude": [exclude or [""]],
                "session_items": "keep",
            }
            try:
                reply, _ = self._call(FILTERED, inputs, *of_session)
            except ServerError as error:
                if error.is_signature_missing:
                    break
                raise
            answers[place] = self._read_rows(reply, 1)[0][:count]
        return answers

    def predict(
        self,
        signature: str,
        inputs: Mapping[str, Any],
        *,
        label: str | None = None,
        session_id: str | None = None,
        visitor_id: str | None = None,
    ) -> Any:
        """Calls a signature, and returns its outputs as nested lists by name.

        Args:
          signature: its name.
          inputs: nested lists, and scalars, by name.
          label: see `answer`.
          session_id: see `answer`.
          visitor_id: see `answer`.

        Raises:
          ServerError: the server does not answer with outputs.
          ValueError: an id cannot be sent.
        """
        return self._call(signature, inputs, label, session_id, visitor_id)[0].outputs

    def close(self) -> None:
        """Ends the connections that are kept; the next request opens others."""
        self._transport.close()

    def _rows_of(
        self,
        sessions: Sequence[Sequence[str]],
        label: str | None,
        session_id: str | None,
        visitor_id: str | None,
    ) -> tuple[list[list[Recommendation]], Reply, str | None]:
        """Returns the items of each session, the reply, and the label that it came from."""
        for session in sessions:
            if isinstance(session, str):
                raise ValueError(f"a session must be a list of item ids, got the text {session!r}")
        longest = max(map(len, sessions), default=0) or 1
        padded = [[*session, *[""] * (longest - len(session))] for session in sessions]
        inputs = {"item_ids": padded}
        reply, answered = self._call(SIGNATURE, inputs, label, session_id, visitor_id)
        return self._read_rows(reply, len(sessions)), reply, answered

    def _read_rows(self, reply: Reply, count: int) -> list[list[Recommendation]]:
        """Returns the items of each of `count` sessions."""
        try:
            rows = range(count)
            pairs = zip(rows, reply.outputs["item_ids"], reply.outputs["scores"], strict=True)
            return [best_items(_texts(ids), scores, _MOST_ITEMS) for _, ids, scores in pairs]
        except (KeyError, TypeError, ValueError) as error:
            raise ServerError(
                f"{self.url} answered without item_ids and scores for each session."
            ) from error

    def _call(
        self,
        signature: str,
        inputs: Mapping[str, Any],
        label: str | None,
        session_id: str | None,
        visitor_id: str | None,
    ) -> tuple[Reply, str | None]:
        """Returns the reply, and the label that it came from."""
        headers = self._headers | headers_of(session_id, visitor_id)
        labels = self._labels(label, session_id)
        deadline, now = Deadline(self._timeout), time.monotonic()
        for place, name in enumerate(labels, start=1):
            is_last = place == len(labels)
            if name and not is_last and self._missing.get(name, now) > now:
                continue
            request = Request(signature, inputs, name, headers)
            try:
                send = functools.partial(self._transport.send, request, deadline)
                reply = self._retries.call(send, deadline)
                return reply, reply.label or name
            except ServerError as error:
                if not error.is_label_missing or is_last:
                    raise
                self._missing[str(name)] = time.monotonic() + _MISSING_FOR
        raise AssertionError  # the last label answers or raises

    def _labels(self, label: str | None, session_id: str | None) -> list[str | None]:
        """Returns the labels to try in turn.

        With a share, sessions of the stable model name it: without a label the server answers with
        its newest, which may be the one on trial. One without labels has no other.
        """
        label = label or self._label
        if label is not None:
            return [CANARY, STABLE] if label == CANARY else [label]
        if not self._share:
            return [None]
        is_canary = session_id is not None and goes_to_canary(session_id, self._share)
        return [CANARY, STABLE, None] if is_canary else [STABLE, None]


def _transport(address: Address) -> Transport:
    if address.scheme == "grpc":
        # It loads TensorFlow, which REST does without.
        from serving.client.grpc_transport import GrpcTransport

        return GrpcTransport(address)
    return RestTransport(address)


def _texts(ids: Sequence[Any]) -> Sequence[str]:
    """Returns ids as they are.

    Raises:
      TypeError: one is not text.
    """
    if not all(isinstance(item, str) for item in ids):
        raise TypeError("an id must be text")
    return ids


def _next_part(sessions: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """Returns as many of the first sessions as one request takes with their padding."""
    longest = 0
    for rows, session in enumerate(sessions):
        longest = max(longest, len(session))
        if rows and (rows + 1) * longest > _CELLS:
            return sessions[:rows]
    return sessions
