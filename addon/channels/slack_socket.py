"""Socket Mode: interactions that come from Slack on a WebSocket that this side has opened.

Slack's own client opens it, keeps it alive and opens another where Slack says that it is about to end it.
Each envelope is acknowledged at once; what it says is looked at after.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from wharfinger.channels.outbox import Unreachable

PING_SECONDS: Final = 5.0
silent = logging.getLogger("wharfinger.channels.slack_sdk")
silent.setLevel(logging.CRITICAL)
"""What the package logs may hold addresses with tickets in them."""


class Socket:
    """One connection, kept up."""

    def __init__(
        self, app_token: str, client: WebClient, receive: Callable[[Mapping[str, Any]], object]
    ) -> None:
        """`receive` is called, in a thread of the package's, with every interaction."""
        self._receive = receive
        self._client = SocketModeClient(
            app_token=app_token, web_client=client, logger=silent, ping_interval=PING_SECONDS
        )
        self._client.socket_mode_request_listeners.append(self._take)

    def connect(self) -> None:
        """Open the connection. Raises `Unreachable`."""
        try:
            self._client.connect()
        except SlackApiError as error:
            code = str(error.response.get("error", ""))
            raise Unreachable(
                f"Slack refuses Socket Mode: {code if code.isidentifier() else 'unknown'}"
            ) from None
        except (OSError, SlackClientError, ValueError) as error:
            raise Unreachable(f"Socket Mode cannot be opened: {type(error).__name__}") from None

    @property
    def connected(self) -> bool:
        """Whether it is open now."""
        return self._client.is_connected()

    def close(self) -> None:
        """End it."""
        self._client.close()

    def _take(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        if request.type == "interactive":
            self._receive(request.payload)
