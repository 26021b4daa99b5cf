"""websockets, on the proxy and with the roots that the environment names: a talk until it is closed."""

import json
import os
import sys

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

HEADERS = {"Authorization": f"Bearer {os.environ['MIRROR_KEY']}"}
said = []
try:
    with connect(sys.argv[1], additional_headers=HEADERS) as socket:
        try:
            for message in sys.argv[2:]:
                socket.send(message)
                said.append(socket.recv())
            print(json.dumps(said), flush=True)
            socket.recv()
        except ConnectionClosed as closed:
            print(json.dumps([closed.rcvd.code, closed.rcvd.reason]))
except InvalidStatus as refused:
    print(json.dumps([refused.response.status_code, json.loads(refused.response.body)["error"]["code"]]))
