"""A local server: the predict REST API of TensorFlow Serving, and a page to try the model on.

It is for one machine and few people: TensorFlow Serving is what serves a shop.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.routing import Map, Rule
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from modules.characters import BLANKS
from modules.quoting import quote
from serving.client import MODEL_NAME
from serving.limits import Limits
from serving.model_store import ModelStore, ServedModel
from serving.predict_api import predict
from serving.request_values import RequestError

_SUGGESTED = 30
_PAGES = Path(__file__).with_name("pages")
_URLS = Map(
    [
        Rule("/", endpoint="page"),
        Rule("/items", endpoint="items"),
        Rule("/v1/models/<name>", endpoint="status"),
        Rule("/v1/models/<name>/versions/<int:version>", endpoint="status"),
        Rule("/v1/models/<name>:predict", endpoint="predict"),
        Rule("/v1/models/<name>/versions/<int:version>:predict", endpoint="predict"),
    ]
)


class App:
    """A WSGI application around the model that a store holds."""

    def __init__(self, store: ModelStore, limits: Limits = Limits()) -> None:  # noqa: B008 (frozen)
        """Takes the store, and what one request may ask for."""
        self._store, self._limits = store, limits
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_PAGES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self._template = environment.get_template("demo.html")

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Answers a request."""
        request = Request(environ)
        # One more than allowed: of a body in chunks, werkzeug reads so many bytes and says no more.
        request.max_content_length = self._limits.bytes + 1
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        model = self._store.current  # once: all of an answer is of one version
        try:
            endpoint, values = _URLS.bind_to_environ(request).match()
            self._check(values, model)
            answer: Response = getattr(self, f"_{endpoint}")(request, model)
        except RequestError as error:
            answer = _json({"error": str(error)}, error.status)
        except HTTPException as error:
            answer = _json({"error": error.description}, error.code or 500)
        answer.headers["X-Model-Version"] = str(model.version)
        return answer

    def _check(self, values: Mapping[str, Any], model: ServedModel) -> None:
        name, version = values.get("name", MODEL_NAME), values.get("version", model.version)
        if (name, version) != (MODEL_NAME, model.version):
            raise RequestError(
                f"Served is {MODEL_NAME}, version {model.version}, not {quote(name)}, version "
                f"{version}.",
                404,
            )

    def _matching(self, request: Request, model: ServedModel) -> list[str]:
        if "is" in request.args:
            asked = request.args.getlist("is")
            return [item for item in asked if item.strip(BLANKS) in model.known]
        words = request.args.get("q", "").casefold()
        found = (item for item in model.item_ids if words in item.casefold())
        return [item for item, _ in zip(found, range(_SUGGESTED), strict=False)]

    def _items(self, request: Request, model: ServedModel) -> Response:
        """Finds items whose id holds `q`, most popular first, or those of `is` that are known."""
        return _json({"item_ids": self._matching(request, model)})

    def _status(self, request: Request, model: ServedModel) -> Response:
        good = {"error_code": "OK", "error_message": ""}
        state = {"version": str(model.version), "state": "AVAILABLE", "status": good}
        return _json({"model_version_status": [state]})

    def _predict(self, request: Request, model: ServedModel) -> Response:
        if request.method != "POST":
            raise MethodNotAllowed(["POST"], "Recommendations are asked for with POST.")
        body = self._body(request)
        return _json(predict(model.signatures, body, self._limits, model.catalogue_size))

    def _body(self, request: Request) -> bytes:
        too_large = RequestError(
            f"The body is too large: at most {self._limits.bytes:,} bytes. Send several requests.",
            413,
        )
        try:
            body = request.get_data()
        except RequestEntityTooLarge as error:
            raise too_large from error
        if len(body) > self._limits.bytes:
            raise too_large
        return body

    def _page(self, request: Request, model: ServedModel) -> Response:
        text = self._template.render(
            model_name=MODEL_NAME,
            folder=model.folder,
            version=model.version,
            items=self._matching(request, model),
        )
        return Response(text, mimetype="text/html")


def _json(content: Any, status: int = 200) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), status, mimetype="application/json")


def start(
    store: ModelStore,
    host: str,
    port: int,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> BaseWSGIServer:
    """Starts a server in threads of its own, one for each request; port 0 takes a free one.

    Returns:
      The server: `server_port` is its port, `shutdown` ends it.
    """
    server = make_server(host, port, App(store, limits), threaded=True)
    threading.Thread(target=server.serve_forever, name="server", daemon=True).start()
    return server
