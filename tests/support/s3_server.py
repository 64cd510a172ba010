"""An S3 server on the loopback interface, which notes every request and can refuse or fail some of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from xml.sax.saxutils import escape

KEY, SECRET = "a-key", "a-secret"

Answer = tuple[int, str] | None


class S3Server:
    """A server; `address` is its URL.

    :ivar requests: method and path of every request, with `?` behind a path that has a query.
    :ivar answers: asked before each request for a status and an error code to answer with; None lets it pass.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self.address = ""
        self.requests: list[str] = []
        self.answers: Callable[[str, str], Answer] = lambda method, path: None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer as WSGI has it."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests.append(f"{method} {path}{'?' if environ.get('QUERY_STRING') else ''}")
        answer = self.answers(method, path)
        if answer is None:
            return self._app(environ, start_response)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        status, code = answer
        start_response(f"{status} Refused", [("Content-Type", "application/xml")])
        body = f"<Error><Code>{code}</Code><Message>{escape(f'The store says {code}')}</Message></Error>"
        return [] if method == "HEAD" else [body.encode()]

    def allow_only(self, *methods: str) -> None:
        """Refuse, for lack of a right, all but these methods on objects; a bucket may not even be listed."""
        self.answers = lambda method, path: (
            None if method in methods and path.strip("/").count("/") else (403, "AccessDenied")
        )

    def refuse(self, method: str, status: int, code: str) -> None:
        """Answer every request of a method with an error."""
        self.answers = lambda asked, path: (status, code) if asked == method else None


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """Start a server with an empty store."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    app = S3Server(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    app.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield app
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def empty_bucket(server: S3Server, name: str) -> Iterator[Any]:
    """Give a client of the server, in which a bucket of this name is empty; the server refuses nothing at first."""
    server.answers = lambda method, path: None
    client = file_system(server.address)
    if client.exists(name):
        client.rm(name, recursive=True)
    client.call_s3("create_bucket", Bucket=name)
    server.requests.clear()
    yield client
    server.answers = lambda method, path: None


def airflow_connection(address: str) -> str:
    """Return an Airflow connection to the server, as JSON."""
    extra = {"endpoint_url": address, "region_name": "us-east-1", "config_kwargs": {"s3": {"addressing_style": "path"}}}
    return json.dumps({"conn_type": "aws", "login": KEY, "password": SECRET, "extra": extra})


def file_system(address: str, key: str = KEY) -> Any:
    """A client of the server, that does not repeat a request by itself."""
    from s3fs import S3FileSystem

    class OneTry(S3FileSystem):  # type: ignore[misc]
        retries = 1

    return OneTry(
        key=key,
        secret=SECRET,
        endpoint_url=address,
        client_kwargs={"region_name": "us-east-1"},
        config_kwargs={"retries": {"max_attempts": 1}, "connect_timeout": 2, "s3": {"addressing_style": "path"}},
        skip_instance_cache=True,
        use_listings_cache=False,
    )
