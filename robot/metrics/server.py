"""Where Prometheus asks: a small HTTP server in a thread of its own, so that neither its slowness nor a page of text
keeps the audio waiting."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
import threading
from http.server import HTTPServer
from socketserver import TCPServer
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, MetricsHandler

from robot.metrics.errors import MetricsError

log = structlog.get_logger(__name__)

# A client that sends nothing, or reads nothing, keeps others waiting for so long.
_CLIENT_LIMIT_S: Final = 5.0
_LOOK_FOR_CLOSE_EVERY_S: Final = 0.1


class MetricsServer:
    """Serves `registry` on `host`, `port` (0: a free one) between `start` and `close`."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        self._registry = registry
        self._address = host, port
        self._server: HTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("the metrics are not served")
        return int(self._server.server_address[1])

    async def start(self) -> None:
        """Raises MetricsError."""
        self._server = await asyncio.to_thread(self._listen)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_LOOK_FOR_CLOSE_EVERY_S,), name="metrics", daemon=True
        )
        self._thread.start()

    async def close(self) -> None:
        """Waits, off the loop, for an answer that is being given."""
        if self._server is None or self._thread is None:
            return
        server, self._server = self._server, None
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        await asyncio.to_thread(self._thread.join)

    def _listen(self) -> HTTPServer:
        host, port = self._address
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            return _Server(family, (host, port), self._registry)
        except OSError as error:
            reason = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
            raise MetricsError(
                f"the metrics cannot be served on {host}:{port} ({reason}): choose another `metrics.port` or "
                "`metrics.host`, or set `metrics.enabled` to false"
            ) from error


class _Server(HTTPServer):
    def __init__(self, family: socket.AddressFamily, address: tuple[str, int], metrics: CollectorRegistry) -> None:
        self.address_family = family
        super().__init__(address, _Handler.factory(metrics))

    def server_bind(self) -> None:
        # The library's own asks the name service who we are, which may take long, and nobody wants to know.
        TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exception()
        if not isinstance(error, OSError):  # that is a client that went away, or was too slow
            log.error("metrics.failed", exc_info=error)


class _Handler(MetricsHandler):
    timeout = _CLIENT_LIMIT_S
