"""The REST API of TensorFlow Serving, health, metrics, and pages, as an ASGI application."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jinja2
from starlette.applications import Starlette
from starlette.convertors import IntegerConvertor, StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from modules.items.item_names import ITEM_NAMES, read_if_there
from modules.messages.quoting import quote
from modules.releases.server_config import MODEL_NAME
from serving.server.batching import BusyError, LateError
from serving.server.http import item_search, openapi
from serving.server.http.pages import Pages
from serving.server.http.predict_api import answer_body, read_request
from serving.server.http.request_body import BodyReader, refusal_of
from serving.server.metrics import OTHER, age_seconds
from serving.server.model_metadata import metadata_json
from serving.server.model_store import ServedModel
from serving.server.predictor import Predictor, Sender
from serving.server.request_values import RequestError

_LOG = logging.getLogger(__name__)
_PAGES = Path(__file__).with_name("templates")
_RETRY_SECONDS = "1"
_STUCK_SECONDS = 60.0  # of a call of the model
# Forbids what the server's pages do not need.
_SAFE = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"}
_OF_MODEL = ("", "/versions/{version:version}", "/labels/{label:word}")


class _Word(StringConvertor):
    regex = "[^/:]+"


class _Version(IntegerConvertor):
    regex = "[0-9]{1,18}"


register_url_convertor("word", _Word())
register_url_convertor("version", _Version())


@dataclasses.dataclass
class _Counted:
    """What is known of a request while it is answered."""

    began: float
    model: ServedModel | None = None
    signature: str = OTHER


class RestApp:
    """Answers HTTP requests with the models of a predictor."""

    def __init__(self, predictor: Predictor, pages: Pages) -> None:
        """Prepares the routes; `is_ready` is set when the server listens."""
        self._predictor, self._pages = predictor, pages
        self.is_ready = False
        limits, capacity = predictor.settings.limits, predictor.settings.capacity
        self._bodies = BodyReader(limits.bytes, capacity.body_bytes)
        self._for_pages = ThreadPoolExecutor(1, thread_name_prefix="pages")
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_PAGES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self._demo = environment.get_template("demo.html")
        self._overview = environment.get_template("status.html")
        self.app = Starlette(
            routes=self._routes(),
            exception_handlers={HTTPException: _http_error, Exception: _fault},
        )

    def _routes(self) -> list[BaseRoute]:
        paths = [f"/v1/models/{{name:word}}{which}" for which in _OF_MODEL]
        pages: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/": self._page,
            "/items": self._items,
            "/items/names": self._item_names,
            "/status": self._status_page,
            "/out/{path:path}": self._file,
            "/metrics": self._metrics,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/openapi.json": self._openapi,
        }
        return [
            *(Route(f"{path}:predict", self._predict, methods=["POST"]) for path in paths),
            *(Route(f"{path}/metadata", self._metadata) for path in paths),
            *(Route(path, self._status) for path in paths),
            *(Route(path, answer) for path, answer in pages.items()),
        ]

    async def _predict(self, request: Request) -> Response:
        counted, predictor = _Counted(time.perf_counter()), self._predictor
        with predictor.metrics.open.track_inprogress():
            response = await _answered(lambda: self._recommend(request, counted))
        label = ""
        if counted.model:
            label = predictor.store.served.label(counted.model)
            response.headers["X-Model-Version"] = str(counted.model.version)
            if label:
                response.headers["X-Model-Label"] = label
        took, code = time.perf_counter() - counted.began, str(response.status_code)
        predictor.metrics.answered("rest", counted.signature, label, code, took)
        return response

    async def _recommend(self, request: Request, counted: _Counted) -> Response:
        counted.model = model = self._model(request)
        predictor, sender = self._predictor, _sender(request)
        async with self._bodies.body(request) as body:
            counted.began = time.perf_counter()
            limits = predictor.settings.limits
            # A byte may be a value.
            read = await predictor.run(len(body) // 10, read_request, model, body, limits)
            call = read.call
            if not request.path_params.keys() & {"version", "label"}:
                call = predictor.assigned(call, sender)
            counted.signature, counted.model = call.signature, call.model
            outputs = await predictor.answer(call, sender, counted.began)
            values = sum(array.size for array in outputs.values())
            content = await predictor.run(values, answer_body, outputs, read.by_row)
            return Response(content, media_type="application/json")

    def _model(self, request: Request) -> ServedModel:
        return self._predictor.model(**request.path_params)

    async def _status(self, request: Request) -> Response:
        return await _answered(lambda: self._model_status(request))

    async def _model_status(self, request: Request) -> Response:
        model = self._model(request)
        is_of_one = len(request.path_params) > 1
        models = [model] if is_of_one else self._predictor.store.served.models.values()
        good = {"error_code": "OK", "error_message": ""}
        states = [
            {"version": str(model.version), "state": "AVAILABLE", "status": good}
            for model in sorted(models, key=lambda model: -model.version)
        ]
        return JSONResponse({"model_version_status": states})

    async def _metadata(self, request: Request) -> Response:
        return await _answered(lambda: self._model_metadata(request))

    async def _model_metadata(self, request: Request) -> Response:
        return JSONResponse(metadata_json(self._model(request)))

    def _matching(self, request: Request, model: ServedModel) -> dict[str, Any]:
        if "is" in request.query_params:
            found = item_search.known(model, request.query_params.getlist("is"))
        else:
            found = item_search.matching(model, request.query_params.get("q", ""))
        return item_search.described(model, found)

    async def _items(self, request: Request) -> Response:
        """Returns items with `q` in id or name, most popular first, or the known ones of `is`."""
        model = self._predictor.store.current
        return JSONResponse(await self._aside(self._matching, request, model))

    async def _item_names(self, request: Request) -> Response:
        """Returns names and categories of all items, as the model carries them."""
        model = self._predictor.store.current
        tag = f'"{model.version}"'
        headers = {"X-Model-Version": str(model.version), "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        content = await self._aside(read_if_there, str(model.folder / ITEM_NAMES))
        if content is None:
            return refusal_of("The model carries no names and categories of items.", 404)
        headers["Content-Encoding"] = "gzip"
        return Response(content, media_type="application/json", headers=headers)

    async def _page(self, request: Request) -> Response:
        model = self._predictor.store.current
        text = self._demo.render(
            model_name=MODEL_NAME,
            folder=model.folder,
            version=model.version,
            items=item_search.matching(model, ""),
            names=model.names,
        )
        return HTMLResponse(text, headers=_SAFE)

    async def _status_page(self, request: Request) -> Response:
        served, metrics = self._predictor.store.served, self._predictor.metrics
        models = [
            {"label": label, "model": model, "age": age_seconds(model)}
            for label, model in served.models.items()
        ]
        shown = await self._aside(self._pages.read)
        text = self._overview.render(
            model_name=MODEL_NAME,
            models=models,
            is_ready=self.is_ready,
            shares=metrics.shares(),
            latencies=metrics.latencies(),
            counts=metrics.request_counts(),
            inf=math.inf,
            waiting=self._predictor.batcher.waiting,
            shown=shown,
        )
        return HTMLResponse(text, headers=_SAFE)

    async def _file(self, request: Request) -> Response:
        file = self._pages.file(request.path_params["path"])
        if file is None:
            return refusal_of("There is no such page.", 404)
        return FileResponse(file, media_type="text/html", headers=_SAFE)

    async def _metrics(self, request: Request) -> Response:
        text = self._predictor.metrics.text()
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _healthz(self, request: Request) -> Response:
        seconds = self._predictor.batcher.longest
        if seconds > max(_STUCK_SECONDS, self._predictor.settings.capacity.seconds):
            return refusal_of(f"A call of the model has taken {seconds:.0f} s so far.", 503)
        return JSONResponse({"status": "healthy"})

    async def _readyz(self, request: Request) -> Response:
        if not self.is_ready:
            return refusal_of("The server starts or stops.", 503)
        return JSONResponse({"status": "ready"})

    async def _openapi(self, request: Request) -> Response:
        settings = self._predictor.settings
        return JSONResponse(openapi.describe(self._predictor.store.current, settings.limits))

    def close(self) -> None:
        """Ends the thread that gathers what pages show."""
        self._for_pages.shutdown(wait=False, cancel_futures=True)

    async def _aside(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Runs a function beside the event loop, and beside what requests for items wait for."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._for_pages, function, *arguments)


def _sender(request: Request) -> Sender:
    headers = request.headers
    return Sender(_utf8(headers.get("x-session-id", "")), _utf8(headers.get("x-visitor-id", "")))


def _utf8(value: str) -> str:
    """Returns a header as the client meant it: its bytes were read as Latin-1."""
    return value.encode("latin-1", "replace").decode("utf-8", "replace")


async def _answered(answer: Callable[[], Awaitable[Response]]) -> Response:
    """Returns an answer, or what went wrong as JSON."""
    try:
        return await answer()
    except RequestError as error:
        return refusal_of(str(error), error.status)
    except BusyError:
        return refusal_of(
            "Too many requests wait; try again.", 503, {"Retry-After": _RETRY_SECONDS}
        )
    except LateError:
        return refusal_of("The answer was not ready in time.", 504)
    except ClientDisconnect:
        return refusal_of("The client has gone.", 499)  # which nobody reads
    except Exception:
        _LOG.exception("A request was not answered:")
        return refusal_of("The server failed to answer; see its log.", 500)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refusal_of(
        f"{request.method} {quote(request.url.path)}: {error.detail}.",
        error.status_code,
        error.headers,
    )


async def _fault(request: Request, error: Exception) -> Response:
    _LOG.error("%s was not answered:", quote(request.url.path), exc_info=error)
    return refusal_of("The server failed to answer; see its log.", 500)
