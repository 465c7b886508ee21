"""A local server: the predict REST API of TensorFlow Serving, and a page to try the model on.

It is for one machine and few users; a shop uses TensorFlow Serving.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from modules.files.characters import BLANKS
from modules.messages.quoting import quote
from serving.client import MODEL_NAME
from serving.limits import Limits
from serving.model_store import ModelStore, ServedModel
from serving.predict_api import predict
from serving.request_body import read_body
from serving.request_values import RequestError

_LOG = logging.getLogger(__name__)
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
        """Keeps the store, and the limits of a request."""
        self._store, self._limits = store, limits
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_PAGES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self._template = environment.get_template("demo.html")

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Answers a request."""
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        model = self._store.current  # once: an answer is of one version
        try:
            endpoint, values = _URLS.bind_to_environ(request).match()
            self._check(values, model)
            answer: Response = getattr(self, f"_{endpoint}")(request, model)
        except RequestError as error:
            answer = _json({"error": str(error)}, error.status)
        except HTTPException as error:
            answer = _json({"error": error.description}, error.code or 500)
        except TimeoutError:  # the client sends nothing: the handler ends the connection
            raise
        except Exception:  # a bug: clients get JSON, and the next request is answered
            _LOG.exception("%s %s was not answered:", request.method, quote(request.path))
            answer = _json({"error": "The server failed to answer; see its log."}, 500)
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
            items = request.args.getlist("is")
            return [item for item in items if item.strip(BLANKS) in model.known]
        words = request.args.get("q", "").casefold()
        found = (item for item in model.item_ids if words in item.casefold())
        return [item for item, _ in zip(found, range(_SUGGESTED), strict=False)]

    def _items(self, request: Request, model: ServedModel) -> Response:
        """Returns items whose id contains `q`, most popular first, or the known ones of `is`."""
        return _json({"item_ids": self._matching(request, model)})

    def _status(self, request: Request, model: ServedModel) -> Response:
        good = {"error_code": "OK", "error_message": ""}
        state = {"version": str(model.version), "state": "AVAILABLE", "status": good}
        return _json({"model_version_status": [state]})

    def _predict(self, request: Request, model: ServedModel) -> Response:
        if request.method != "POST":
            raise MethodNotAllowed(["POST"], "Recommendations need a POST request.")
        body = read_body(request, self._limits.bytes)
        return _json(predict(model.signatures, body, self._limits, model.catalogue_size))

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


class Handler(WSGIRequestHandler):
    """Handles a connection, and ends it after `timeout` seconds without progress."""

    timeout = 60.0

    def parse_request(self) -> bool:
        """Reads the request line and the headers; refuses a URL that werkzeug would fail on."""
        if not super().parse_request():
            return False
        try:
            urlsplit(self.path)
        except ValueError as error:
            self.send_error(400, f"{quote(self.path)} is not a valid URL: {error}")
            return False
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answers in JSON a request that does not reach the application."""
        content = json.dumps({"error": message or HTTPStatus(code).phrase}).encode()
        self.send_response_only(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)


def start(
    store: ModelStore,
    host: str,
    port: int,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> BaseWSGIServer:
    """Starts a server with a thread per request; port 0 takes a free one.

    Returns:
      The server: `server_port` is its port, `shutdown` ends it.

    Raises:
      OSError: it cannot listen on the port.
    """
    app = App(store, limits)
    try:
        server = make_server(host, port, app, threaded=True, request_handler=Handler)
    except SystemExit as ended:  # werkzeug exits if the port is not available
        raise OSError(f"Cannot listen on {host}, port {port}: {ended.__context__}") from ended
    threading.Thread(target=server.serve_forever, name="server", daemon=True).start()
    return server
