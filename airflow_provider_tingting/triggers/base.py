"""What the provider's triggers share: their arguments in Airflow's database, and the client of their connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting._compat import BaseTrigger

if TYPE_CHECKING:
    from airflow_provider_tingting.api import AsyncTingTingClient


class TingTingBaseTrigger(BaseTrigger):
    """Base of the provider's triggers.

    A trigger may move to another triggerer at any time: everything that it knows is in its arguments, which are plain
    JSON.

    :param tingting_conn_id: the Airflow connection.
    :param later: arguments of a later version of the provider, for a triggerer that is updated after the workers. They
        are passed on unread.
    """

    #: The names of the arguments; each is an attribute too.
    arguments: ClassVar[tuple[str, ...]] = ()

    def __init__(self, tingting_conn_id: str, **later: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tingting_conn_id = tingting_conn_id
        self.later = later

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the arguments, from which a triggerer makes the trigger again."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in self.arguments} | self.later

    async def open_client(self) -> AsyncTingTingClient:
        """Read the connection and return a new client.

        :raises TingTingConfigError: the connection cannot be used.
        """
        # Loads the HTTP clients, which a DAG file with a trigger does not need.
        from airflow_provider_tingting.hooks.tingting import TingTingHook

        return await TingTingHook(self.tingting_conn_id).get_async_conn()
