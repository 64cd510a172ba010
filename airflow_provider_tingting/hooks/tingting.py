"""The hook: it reads an Airflow connection and has one method for each endpoint of TingTing.

Each method sends one request. Only the operators recover from a killed worker or a lost response.
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
from airflow_provider_tingting.api import lookups
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.assets import file_uri
from airflow_provider_tingting.connection import (
    CONN_NAME,
    CONN_TYPE,
    DEFAULT_CONN_ID,
    ConnectionSettings,
    describe_failure,
)
from airflow_provider_tingting.connection.form import form_behaviour, form_widgets
from airflow_provider_tingting.connection.replacement import replacement
from airflow_provider_tingting.errors import TingTingAPIError, TingTingError
from airflow_provider_tingting.files.atomic import whole_file
from airflow_provider_tingting.files.target import ensure_writable
from airflow_provider_tingting.timezones import as_nepal_time

if TYPE_CHECKING:
    from airflow_provider_tingting.api import models
    from airflow_provider_tingting.api.client import AsyncTingTingClient, TingTingClient
    from airflow_provider_tingting.api.protocol import Call

_TEST_SECONDS = 15.0


class TingTingHook(BaseHook):
    """Talk to TingTing with the token of an Airflow connection.

    Each method sends one call and returns a model from `api.models`. A read is sent again after an error that may
    pass. A write is sent again only when the first request certainly did not leave this machine; it raises
    `TingTingOutcomeUnknownError` when no usable response came, since TingTing may have carried it out. The hook keeps
    no state between calls: use the operators to call each contact exactly once, by the rules of the connection.

    Every method raises `TingTingConfigError` for an invalid connection, or a `TingTingAPIError` when the call fails.

    :param tingting_conn_id: the Airflow connection of type `tingting`; default `tingting_default`.
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
        """The connection's fields, read and checked.

        :raises TingTingConfigError: the connection has no token, or a field is invalid.
        """
        return self._read_connection(self.tingting_conn_id)

    def _read_connection(self, name: str | None) -> ConnectionSettings:
        """Read the connection; error texts call it by `name`, if that is given."""
        if (settings := replacement()) is not None:
            return settings
        connection = self.get_connection(self.tingting_conn_id)
        return ConnectionSettings.of(connection, connection.extra_dejson, name)

    @cached_property
    def _client(self) -> TingTingClient:
        return api.TingTingClient(**self.settings.client_arguments())

    def get_conn(self) -> TingTingClient:
        """Return the hook's client, which is created once."""
        return self._client

    async def get_async_settings(self) -> ConnectionSettings:
        """Return the connection's fields, read now; the event loop is not blocked."""
        if (settings := replacement()) is not None:
            return settings
        connection = await get_connection_async(self.tingting_conn_id)
        return ConnectionSettings.of(connection, await get_extra_async(connection), self.tingting_conn_id)

    async def get_async_conn(self) -> AsyncTingTingClient:
        """Return a new asynchronous client; close it or use it in an `async with`."""
        return api.AsyncTingTingClient(**(await self.get_async_settings()).client_arguments())

    def reload_connection(self) -> None:
        """Read the connection again at the next call, because its token may have been replaced meanwhile."""
        client = self.__dict__.pop("_client", None)
        self.__dict__.pop("settings", None)
        if client is not None:
            client.close()

    def list_voice_models(self) -> tuple[models.Voice, ...]:
        """Return the voices that can speak a message (API page: List voice models)."""
        return self.get_conn().send(api.calls.list_voice_models())

    def find_voice(self, name_or_id: str | int) -> models.Voice:
        """Return the voice with this id, display name or internal name.

        Names are compared without regard to case. Internal names are not unique at TingTing, so one identifies a
        voice only if no other voice has it.

        :param name_or_id: the voice's id or name.
        :raises TingTingConfigError: no voice matches, or several do; the text lists the account's voices.
        """
        return lookups.choose_voice(self.list_voice_models(), name_or_id)

    def list_caller_numbers(self) -> tuple[models.CallerNumber, ...]:
        """Return the numbers that campaigns may call from: TingTing's and the account's own (vendor's client).

        `user_phone` of a campaign takes their ids. This sends two calls, one for each of TingTing's two lists.
        """
        return run_flow(self.get_conn(), lookups.list_caller_numbers())

    def iter_campaigns(self, *, status: str | None = None, search: str | None = None) -> Iterator[models.Campaign]:
        """Yield the account's campaigns over all pages (API page: List campaigns).

        :param status: only campaigns in this status; case-sensitive. Default: all.
        :param search: only campaigns whose name contains this text. Default: all.
        """
        return self.get_conn().iterate(api.calls.list_campaigns(status=status, search=search))

    def get_campaign(self, campaign_id: int) -> models.Campaign:
        """Return a campaign (API page: Get campaign details).

        :param campaign_id: the campaign's id.
        """
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
    ) -> models.Campaign:
        """Create a campaign; `set_campaign_message` sets its voice (API page: Create a campaign).

        :param name: the campaign's name in TingTing.
        :param services: `PHONE`, `SMS` or `SMS & PHONE`.
        :param user_phone: ids of the caller numbers to call from.
        :param message: the text to speak, with `{tags}`.
        :param sms_message: the text to send as SMS, with `{tags}`; required for SMS.
        :param description: a note for your own reference.
        :param schedule: when TingTing starts the campaign after it is run. A datetime without an offset is Nepal time;
            a text is sent unchanged. Default: at once.
        :param credit_limit: the most credits to spend. Default: no limit.
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
    ) -> models.CampaignMessage:
        """Set the voice and category of a campaign (API page: Set voice and category).

        :param campaign_id: the campaign's id.
        :param voice: the voice's id.
        :param category: what the voice speaks; `Text` is the text in `message`.
        :param message: the text to speak; some versions of the server require it again here.
        :param sms_message: the text to send as SMS, likewise.
        :param length_factor: the speed of premium voices; TingTing ignores it for others.
        :param draft: whether the campaign is a draft.
        """
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

    def update_campaign(self, campaign_id: int, **fields: Any) -> models.Campaign | None:
        """Change fields of a campaign (API page: Update a campaign).

        :param campaign_id: the campaign's id.
        :param fields: the fields to change, as for `create_campaign`; others stay.
        :returns: the campaign, or None when the response does not contain it.
        """
        texts = {name: _as_text(value) for name, value in fields.items()}
        return self.get_conn().send(api.calls.update_campaign(campaign_id, **texts))

    def delete_campaign(self, campaign_id: int) -> None:
        """Delete a campaign with its contacts (API page: Delete a campaign).

        :param campaign_id: the campaign's id.
        """
        self.get_conn().send(api.calls.delete_campaign(campaign_id))

    def add_contact(
        self, campaign_id: int, number: str | int, other_variables: Mapping[str, Any] | None = None
    ) -> models.AddContactsResult:
        """Add one contact (API page: Add a single contact).

        :param campaign_id: the campaign's id.
        :param number: the contact's phone number, ten digits.
        :param other_variables: values for the `{tags}` of the message.
        """
        return self.get_conn().send(api.calls.add_contact(campaign_id, number, other_variables))

    def add_contacts(self, campaign_id: int, contacts: Iterable[Mapping[str, Any]]) -> models.AddContactsResult:
        """Add contacts in one call; TingTing skips numbers that the campaign has (API page: Add multiple contacts).

        :param campaign_id: the campaign's id.
        :param contacts: one `{"number": "98…", "other_variables": {…}}` for each contact.
        """
        return self.get_conn().send(api.calls.add_contacts(campaign_id, contacts))

    def upload_contacts(self, campaign_id: int, path: str | Path) -> models.UploadResult:
        """Upload a workbook of contacts (API page: Upload bulk contacts).

        The response is a preview; the campaign's `campaign_action_count` shows how many contacts were added.

        :param campaign_id: the campaign's id.
        :param path: the path of the .xlsx file.
        :raises TingTingContactsError: the file cannot be read.
        """
        return self.get_conn().send(api.calls.upload_contacts(campaign_id, path))

    def iter_contacts(self, campaign_id: int) -> Iterator[models.Contact]:
        """Yield a campaign's contacts with their outcomes, over all pages (API page: List contacts).

        :param campaign_id: the campaign's id.
        """
        return self.get_conn().iterate(api.calls.list_contacts(campaign_id))

    def get_contact_attributes(self, contact_id: int) -> dict[str, Any]:
        """Return a contact's variables (API page: Get contact info).

        :param contact_id: the contact's id.
        """
        return self.get_conn().send(api.calls.get_contact_attributes(contact_id))

    def update_contact_attributes(self, contact_id: int, attributes: Mapping[str, Any]) -> dict[str, Any] | None:
        """Change a contact's variables (API page: Edit contact attributes).

        :param contact_id: the contact's id.
        :param attributes: the new values.
        :returns: the variables, or None when the response does not contain them.
        """
        return self.get_conn().send(api.calls.update_contact_attributes(contact_id, attributes))

    def update_contact_number(self, contact_id: int, number: str | int) -> None:
        """Change a contact's number (API page: Edit contact number).

        :param contact_id: the contact's id.
        :param number: the new phone number, ten digits.
        """
        self.get_conn().send(api.calls.update_contact_number(contact_id, number))

    def delete_contact(self, contact_id: int) -> None:
        """Delete a contact (API page: Delete a contact).

        :param contact_id: the contact's id.
        """
        self.get_conn().send(api.calls.delete_contact(contact_id))

    def preview_voice(self, campaign_id: int, *, voice: int, message: str) -> str:
        """Return the URL of an mp3 in which the voice speaks the message (API page: Test voice).

        :param campaign_id: any campaign of the account.
        :param voice: the voice's id.
        :param message: the text to speak.
        """
        return self.get_conn().send(api.calls.preview_voice(campaign_id, voice=voice, message=message))

    def demo_call(self, contact_id: int) -> models.MessageResponse:
        """Call one contact now; the contact's phone rings (API page: Demo call).

        :param contact_id: the contact's id.
        """
        return self.get_conn().send(api.calls.demo_call(contact_id))

    def run_campaign(self, campaign_id: int) -> models.MessageResponse:
        """Start a campaign (API page: Run campaign). Each request makes TingTing call all contacts.

        :param campaign_id: the campaign's id.
        """
        return self.get_conn().send(api.calls.run_campaign(campaign_id))

    def stop_campaign(self, campaign_id: int) -> models.MessageResponse:
        """Stop a campaign; it cannot be resumed (vendor's client, not on the API page).

        :param campaign_id: the campaign's id.
        """
        return self.get_conn().send(api.calls.stop_campaign(campaign_id))

    def download_campaign_report(self, campaign_id: int, path: str | Path) -> int:
        """Write a campaign's report to a local file and return its size in bytes (API page: Campaign report).

        The file appears at the path only when it is complete.

        :param campaign_id: the campaign's id.
        :param path: the path of the file.
        :raises TingTingStorageError: the file cannot be written.
        """
        return self._download(api.calls.download_campaign_report(campaign_id), path, campaign_id=campaign_id)

    def download_survey_report(self, survey_id: int, path: str | Path, *, format: str = "csv") -> int:
        """Write a survey's report to a local file and return its size in bytes (API page: Survey report).

        :param survey_id: the survey's id, which is not the campaign's.
        :param path: the path of the file.
        :param format: `csv` (default) or `json`.
        :raises TingTingStorageError: the file cannot be written.
        """
        return self._download(api.calls.download_survey_report(survey_id, format=format), path, survey_id=survey_id)

    def _download(self, call: Call[None], path: str | Path, **ids: int) -> int:
        ensure_writable(path)
        with whole_file(path) as file:
            size = self.get_conn().download(call, file).size
        collector = hook_lineage_collector()
        collector.add_input_asset(self, scheme="tingting", asset_kwargs={"host": self.settings.base_url, **ids})
        collector.add_output_asset(self, uri=file_uri(Path(path).absolute()))
        return size

    def get_user_profile(self) -> models.UserProfile:
        """Return the account of the token (vendor's client, not on the API page)."""
        return self.get_conn().send(api.calls.get_user_profile())

    def get_dashboard(self) -> models.Dashboard:
        """Return the account's balances (vendor's client, not on the API page).

        TingTing answers 403 to accounts that are not company accounts.
        """
        return self.get_conn().send(api.calls.get_dashboard())

    def test_connection(self) -> tuple[bool, str]:
        """Read the list of voices, which is free; return whether that works, and what to correct in one sentence."""
        try:
            # The texts do not contain the connection's id: Airflow's web page tests under a generated one.
            settings = self._read_connection(None)
            # A person waits for the result, so there is one attempt with a short timeout.
            quick = {"timeout": min(settings.timeout, _TEST_SECONDS), "max_retries": 0}
            with api.TingTingClient(**{**settings.client_arguments(), **quick}) as client:
                voices = client.send(api.calls.list_voice_models())
        except TingTingAPIError as error:
            return False, describe_failure(error, settings.base_url)
        except (TingTingError, AirflowException) as error:
            return False, str(error)
        return True, f"TingTing answers at {settings.base_url} and knows {len(voices)} voices."


def _as_text(value: object) -> Any:
    return as_nepal_time(value).isoformat() if isinstance(value, datetime) else value
