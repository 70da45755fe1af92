"""A session of the dashboard without a browser: speaks Streamlit's websocket protocol, knows what is on its page."""

from __future__ import annotations

import time
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

LONGEST_S = 600
"""An answer that takes longer counts as none."""


class Wire:
    """One session; every action returns the seconds from asking to the last message of the page that answers.

    `elements`: what stands on the page, by its key in the code; `errors`: what went wrong, one line each; `received`:
    bytes of the last answer. Sends what a browser sends, except that it never says which messages it has kept.
    """

    def __init__(self, port: int, query: str = "") -> None:
        self.socket = connect(f"ws://127.0.0.1:{port}/_stcore/stream", max_size=None, compression=None)
        self.query, self.page, self.received = query, "", 0
        self.pages: dict[str, str] = {}
        self.elements: dict[str, Any] = {}
        self.errors: list[str] = []
        self.run()

    def open(self, title: str) -> float:
        """Switch to the page with this title; as in a browser, the address is empty until the page writes it."""
        self.page, self.query = self.pages[title], ""
        return self.run()

    def press(self, key: str) -> float:
        """Press a button."""
        return self.run(WidgetState(id=self.elements[key].id, trigger_value=True))

    def choose(self, key: str, *names: str) -> float:
        """Choose among the options of pills or of a segmented control, as they are written."""
        state = WidgetState(id=self.elements[key].id)
        state.string_array_value.data.extend(names)
        return self.run(state)

    def say(self, key: str, text: str) -> float:
        """Give a select box or a chart its value: an option, or a selection as JSON."""
        return self.run(WidgetState(id=self.elements[key].id, string_value=text))

    def switch(self, key: str, on: bool) -> float:
        """Set a toggle."""
        return self.run(WidgetState(id=self.elements[key].id, bool_value=on))

    def run(self, *changed: WidgetState) -> float:
        """Let the server run the page with what has changed; returns when it has ended."""
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_script_hash = self.query, self.page
        state.widget_states.widgets.extend(changed)
        payload, self.received = message.SerializeToString(), 0
        started = time.perf_counter()
        self.socket.send(payload)
        while True:
            data = self.socket.recv(timeout=LONGEST_S)
            self.received += len(data)
            if self.ended(ForwardMsg.FromString(data)):
                return time.perf_counter() - started

    def ended(self, message: ForwardMsg) -> bool:
        """Take over what a message says; whether it is the last one of a run."""
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.elements = {}
        elif kind == "navigation":
            self.pages = {page.page_name: page.page_script_hash for page in message.navigation.app_pages}
            self.page = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self.add(message.delta.new_element)
        elif kind == "script_finished":
            if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                self.errors.append("the page could not be compiled")
            return message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        return False

    def add(self, element: Any) -> None:
        """Remember an element that has a key, and an exception as an error."""
        kind = element.WhichOneof("type")
        proto = getattr(element, kind)
        if kind == "exception":
            self.errors.append(f"{proto.type}: {proto.message}")
        identity = getattr(proto, "id", "").split("-", 2)  # $$ID-<hash>-<key>
        if len(identity) == 3:
            self.elements[identity[2]] = proto

    def close(self) -> None:
        """Leave, as a closed tab does."""
        self.socket.close()
