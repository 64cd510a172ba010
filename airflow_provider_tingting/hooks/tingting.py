"""The hook: a connection of Airflow in, TingTing's answers out. One method an endpoint, one call each.

What has to survive a kill or a lost reply lives a floor above, in the operators.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting import api
from airflow_provider_tingting._compat import (
    AirflowException,
    BaseHook,
    get_connection_async,
    get_extra_async,
    hook_lineage_collector,
)
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.assets import file_uri
from airflow_provider_tingting.connection import (
    CONN_NAME,
    CONN_TYPE,
    DEFAULT_CONN_ID,
    ConnectionSettings,
    describe_failure,
)
from airflow_provider_tingting.connection_form import form_behaviour, form_widgets
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingError,
)
from airflow_provider_tingting.timezones import as_nepal_time

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Connection
    from airflow_provider_tingting.api.client import AsyncTingTingClient, TingTingClient
    from airflow_provider_tingting.api.models import (
        AddContactsResult,
        CallerNumber,
        Campaign,
        CampaignMessage,
        Contact,
        Dashboard,
        MessageResponse,
        UploadResult,
        UserProfile,
        Voice,
    )


_TEST_SECONDS = 15.0


class TingTingHook(BaseHook):
    """Talk to TingTing with the token of an Airflow connection.

    Each method is one call of TingTing's API page and returns a model of `api.models`. Reads are repeated after
    faults that may pass; a write is repeated only when it certainly never left, and raises
    `TingTingOutcomeUnknownError` when nobody knows whether it happened. Nothing is remembered between calls: for
    exactly-once use the operators.

    :param tingting_conn_id: the Airflow connection of type `tingting`.
    """

    conn_name_attr = "tingting_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = CONN_TYPE
    hook_name = CONN_NAME

    def __init__(self, tingting_conn_id: str = DEFAULT_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tingting_conn_id = tingting_conn_id

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's extra fields, for Airflow before 3.2."""
        return form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how the form shows the standard fields, for Airflow before 3.2."""
        return form_behaviour()

    @cached_property
    def settings(self) -> ConnectionSettings:
        """The connection, read and checked.

        :raises TingTingConfigError: it has no token, or a field cannot be used.
        """
        connection = self.get_connection(self.tingting_conn_id)
        return _settings(connection, connection.extra_dejson, self.tingting_conn_id)

    @cached_property
    def _client(self) -> TingTingClient:
        return api.TingTingClient(**self.settings.client_arguments())

    def get_conn(self) -> TingTingClient:
        """Return the client that this hook sends with; it lives as long as the hook."""
        return self._client

    async def get_async_conn(self) -> AsyncTingTingClient:
        """Return a new asynchronous client; close it or use it in an `async with`."""
        connection = await get_connection_async(self.tingting_conn_id)
        extra = await get_extra_async(connection)
        settings = _settings(connection, extra, self.tingting_conn_id)
        return api.AsyncTingTingClient(**settings.client_arguments())

    def reload_connection(self) -> None:
        """Read the connection again at the next call, for a token that was replaced while a task waits."""
        client = self.__dict__.pop("_client", None)
        self.__dict__.pop("settings", None)
        if client is not None:
            client.close()

    def list_voice_models(self) -> tuple[Voice, ...]:
        """Return the voices that can speak a message (API page: List voice models)."""
        return self.get_conn().send(api.calls.list_voice_models())

    def find_voice(self, name_or_id: str | int) -> Voice:
        """Return the voice with this id or display name.

        The display name is compared without regard to case; internal names are not unique at TingTing, so a voice
        is found by one only when no other voice shares it.

        :raises TingTingConfigError: there is no such voice, or several; the text lists those that there are.
        """
        from airflow_provider_tingting.api.lookups import choose_voice

        return choose_voice(self.list_voice_models(), name_or_id)

    def list_caller_numbers(self) -> tuple[CallerNumber, ...]:
        """Return the numbers that campaigns may call from, TingTing's and the account's own (vendor's client).

        Their ids are what `user_phone` takes. Two calls, one for each of TingTing's two lists.
        """
        from airflow_provider_tingting.api.lookups import list_caller_numbers

        return run_flow(self.get_conn(), list_caller_numbers())

    def iter_campaigns(self, *, status: str | None = None, search: str | None = None) -> Iterator[Campaign]:
        """Yield the account's campaigns over all pages (API page: List campaigns).

        :param status: only those in this status; TingTing minds the case.
        :param search: only those whose name contains this text.
        """
        return self.get_conn().iterate(api.calls.list_campaigns(status=status, search=search))

    def get_campaign(self, campaign_id: int) -> Campaign:
        """Return a campaign (API page: Get campaign details)."""
        return self.get_conn().send(api.calls.get_campaign(campaign_id))

    def create_campaign(
        self,
        *,
        name: str,
        services: str,
        user_phone: Iterable[int],
        message: str,
        sms_message: str | None = None,
        description: str | None = None,
        schedule: str | datetime | None = None,
        credit_limit: float | None = None,
    ) -> Campaign:
        """Create a campaign; `set_campaign_message` gives it a voice (API page: Create a campaign).

        :param name: what people see in TingTing.
        :param services: `PHONE`, `SMS` or `SMS & PHONE`.
        :param user_phone: ids of the caller numbers to call from.
        :param message: what is spoken, with `{tags}`.
        :param sms_message: what is sent as SMS, with `{tags}`; required for SMS.
        :param description: for your own reference.
        :param schedule: when to start; a time without an offset is Nepal time. A text goes out as it is.
        :param credit_limit: most credits to spend.
        """
        return self.get_conn().send(
            api.calls.create_campaign(
                name=name,
                services=services,
                user_phone=user_phone,
                message=message,
                sms_message=sms_message,
                description=description,
                schedule=_as_text(schedule),
                credit_limit=credit_limit,
            )
        )

    def set_campaign_message(
        self,
        campaign_id: int,
        *,
        voice: int,
        category: str = "Text",
        message: str | None = None,
        sms_message: str | None = None,
        length_factor: str | None = None,
        draft: bool | None = None,
    ) -> CampaignMessage:
        """Set the voice that speaks (API page: Set voice and category)."""
        return self.get_conn().send(
            api.calls.set_campaign_message(
                campaign_id,
                voice=voice,
                category=category,
                message=message,
                sms_message=sms_message,
                length_factor=length_factor,
                draft=draft,
            )
        )

    def update_campaign(self, campaign_id: int, **fields: Any) -> Campaign | None:
        """Change some fields of a campaign (API page: Update a campaign).

        :param fields: as for `create_campaign`; only what is given changes.
        """
        texts = {name: _as_text(value) for name, value in fields.items()}
        return self.get_conn().send(api.calls.update_campaign(campaign_id, **texts))

    def delete_campaign(self, campaign_id: int) -> None:
        """Delete a campaign with its contacts (API page: Delete a campaign)."""
        self.get_conn().send(api.calls.delete_campaign(campaign_id))

    def add_contact(
        self, campaign_id: int, number: str | int, other_variables: Mapping[str, Any] | None = None
    ) -> AddContactsResult:
        """Add one contact (API page: Add a single contact)."""
        return self.get_conn().send(api.calls.add_contact(campaign_id, number, other_variables))

    def add_contacts(self, campaign_id: int, contacts: Iterable[Mapping[str, Any]]) -> AddContactsResult:
        """Add contacts in one call; numbers that the campaign has are skipped (API page: Add multiple contacts).

        :param contacts: `{"number": "98…", "other_variables": {…}}` each.
        """
        return self.get_conn().send(api.calls.add_contacts(campaign_id, contacts))

    def upload_contacts(self, campaign_id: int, path: str | Path) -> UploadResult:
        """Upload a workbook of contacts (API page: Upload bulk contacts). The answer is a preview."""
        return self.get_conn().send(api.calls.upload_contacts(campaign_id, path))

    def iter_contacts(self, campaign_id: int) -> Iterator[Contact]:
        """Yield a campaign's contacts with their outcomes, over all pages (API page: List contacts)."""
        return self.get_conn().iterate(api.calls.list_contacts(campaign_id))

    def get_contact_attributes(self, contact_id: int) -> dict[str, Any]:
        """Return a contact's variables (API page: Get contact info)."""
        return self.get_conn().send(api.calls.get_contact_attributes(contact_id))

    def update_contact_attributes(self, contact_id: int, attributes: Mapping[str, Any]) -> dict[str, Any] | None:
        """Change a contact's variables (API page: Edit contact attributes)."""
        return self.get_conn().send(api.calls.update_contact_attributes(contact_id, attributes))

    def update_contact_number(self, contact_id: int, number: str | int) -> None:
        """Change a contact's number (API page: Edit contact number)."""
        self.get_conn().send(api.calls.update_contact_number(contact_id, number))

    def delete_contact(self, contact_id: int) -> None:
        """Delete a contact (API page: Delete a contact)."""
        self.get_conn().send(api.calls.delete_contact(contact_id))

    def preview_voice(self, campaign_id: int, *, voice: int, message: str) -> str:
        """Return the address of an mp3 in which the voice speaks the message (API page: Test voice)."""
        return self.get_conn().send(api.calls.preview_voice(campaign_id, voice=voice, message=message))

    def demo_call(self, contact_id: int) -> MessageResponse:
        """Call one contact now; it really rings (API page: Demo call)."""
        return self.get_conn().send(api.calls.demo_call(contact_id))

    def run_campaign(self, campaign_id: int) -> MessageResponse:
        """Start a campaign (API page: Run campaign). TingTing dials everybody each time it is asked."""
        return self.get_conn().send(api.calls.run_campaign(campaign_id))

    def stop_campaign(self, campaign_id: int) -> MessageResponse:
        """Stop a campaign for good (vendor's client, not on the API page)."""
        return self.get_conn().send(api.calls.stop_campaign(campaign_id))

    def download_campaign_report(self, campaign_id: int, path: str | Path) -> int:
        """Write a campaign's report to a local file as it came and return its size in bytes.

        The file appears only when it is whole (API page: Campaign report).

        :raises TingTingReportError: the file cannot be written.
        """
        size = self._download(api.calls.download_campaign_report(campaign_id), path)
        self._record(path, campaign_id=campaign_id)
        return size

    def download_survey_report(self, survey_id: int, path: str | Path, *, format: str = "csv") -> int:
        """Write a survey's report to a local file as it came and return its size (API page: Survey report).

        :param format: `csv` or `json`.
        :raises TingTingReportError: the file cannot be written.
        """
        size = self._download(api.calls.download_survey_report(survey_id, format=format), path)
        self._record(path, survey_id=survey_id)
        return size

    def _download(self, call: Any, path: str | Path) -> int:
        from airflow_provider_tingting.files.atomic import whole_file
        from airflow_provider_tingting.files.target import ensure_writable

        ensure_writable(path)
        with whole_file(path) as file:
            return self.get_conn().download(call, file).size

    def _record(self, path: str | Path, **ids: int) -> None:
        """Record for the lineage of the running task what came from where; nothing happens unless somebody listens."""
        collector = hook_lineage_collector()
        collector.add_input_asset(self, scheme="tingting", asset_kwargs={"host": self.settings.base_url, **ids})
        collector.add_output_asset(self, uri=file_uri(Path(path).absolute()))

    def get_user_profile(self) -> UserProfile:
        """Return whose account the token opens (vendor's client, not on the API page)."""
        return self.get_conn().send(api.calls.get_user_profile())

    def get_dashboard(self) -> Dashboard:
        """Return the account's balance (vendor's client, not on the API page)."""
        return self.get_conn().send(api.calls.get_dashboard())

    def test_connection(self) -> tuple[bool, str]:
        """Say whether the connection works, and what is wrong if not. Reads the voices: free, and changes nothing."""
        try:
            # Without its id in what is said: Airflow's web page tests under one that it has just made up.
            connection = self.get_connection(self.tingting_conn_id)
            settings = _settings(connection, connection.extra_dejson, None)
            # Somebody is waiting: one attempt, and not for long.
            hasty = {"timeout": min(settings.timeout, _TEST_SECONDS), "max_retries": 0}
            with api.TingTingClient(**{**settings.client_arguments(), **hasty}) as client:
                voices = client.send(api.calls.list_voice_models())
        except TingTingAPIError as error:
            return False, describe_failure(error, settings.base_url)
        except (TingTingError, AirflowException) as error:
            return False, str(error)
        return True, f"TingTing answers at {settings.base_url} and knows {len(voices)} voices."


def _settings(connection: Connection, extra: Mapping[str, Any], conn_id: str | None) -> ConnectionSettings:
    return ConnectionSettings.read(
        host=connection.host,
        password=connection.password,
        schema=connection.schema,
        port=connection.port,
        extra=extra,
        conn_id=conn_id,
    )


def _as_text(value: Any) -> Any:
    return as_nepal_time(value).isoformat() if isinstance(value, datetime) else value
