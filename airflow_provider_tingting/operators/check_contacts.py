"""A task that checks people and sends nothing: what it finds is for a person, or a branch, to decide on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.errors import TingTingAPIError, TingTingAuthError, TingTingConfigError
from airflow_provider_tingting.formatting import amount, counted
from airflow_provider_tingting.links.campaign import push_link
from airflow_provider_tingting.operators.audience import TingTingBaseAudienceOperator
from airflow_provider_tingting.utils.arguments import campaign_id_of

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.contacts.estimate import Prices


class TingTingCheckContactsOperator(TingTingBaseAudienceOperator):
    """Check people as `TingTingAddContactsOperator` would, and send nothing.

    It only reads, so a retry and a clear simply check again. With `on_invalid="fail"` the task fails when a row is bad,
    so that nothing after it runs; the summary is an XCom all the same.

    XCom: `return_value` and the key `summary` are `{campaign_id, total, valid, invalid, duplicates, conflicting,
    excluded, filtered_out, reasons, carriers, tags, calls, sms, credits, rejects_path}`. `tags` has for each tag how
    many rows fill it and how many leave it blank; `sms` has `messages`, `parts`, `most_parts` and `unicode`, or is
    None; `credits` has `remaining` (None when TingTing does not say), `limit` (the campaign's own), `estimate` and
    `enough` (None when nobody knows). Never the contacts.

    TingTing publishes no prices: `estimate` multiplies calls and parts by what you say that they cost. A call's real
    price depends on how long it lasts.

    Source: API page, Get campaign details; the balance is of the vendor's own client.

    :param campaign_id: the campaign whose message and sms_message the contacts must fill.
    :param message: instead of a campaign, the message of a call.
    :param sms_message: instead of a campaign, the text of an SMS.
    :param contacts: who: a list of numbers; of dicts, either `{"number": …, "other_variables": {…}}` or flat with
        every other key a variable; or the path or URI (`s3://…`) of a `.csv`, `.xlsx`, `.jsonl` or `.parquet` file.
    :param sql: instead of `contacts`, a SELECT or the name of a `.sql` file; each column of its result is one of the
        table. Rows are read in flat memory, with a cursor on the server's side where the database has one.
    :param sql_conn_id: the Airflow connection of that database.
    :param sql_parameters: what fills the query's placeholders, as the database's driver takes it.
    :param number_column: the column or key of the number; None looks for the usual names.
    :param variables: which column fills which tag, as `{"tags_name": "Customer name"}`; None makes every other
        column a variable of its own name.
    :param constants: variables that are the same for everybody, as `{"tags_city": "Pokhara"}`.
    :param where: which rows are meant: a function that takes a row as a dict and says yes or no, or a dict of column
        and value or values, as `{"Ward": [7, 8]}`. The others are only counted.
    :param exclude: who must not be contacted: a source in any form of `contacts`, a query as
        `{"sql": …, "sql_conn_id": …}`, a file as `{"contacts": …, "number_column": …, "sheet": …}`, or a list of such
        sources.
    :param on_invalid: what to do about rows that cannot be called: `fail`, or `skip` to tell about the others.
    :param rejects_path: with `skip`, where the rows left out are written with the reason, as `.csv` or `.xlsx`.
    :param number_policy: `nepal_mobile` wants mobiles of Nepal, `as_is` takes numbers as written, for an account that
        reaches others.
    :param sheet: which sheet of a workbook; None for the only one that is filled.
    :param encoding: of a text file that is neither UTF-8 nor UTF-16, such as `cp1252`.
    :param delimiter: the character between the values of a text file; None finds it.
    :param credits_per_call: what a call costs, for the estimate.
    :param credits_per_sms_part: what a part of an SMS costs, for the estimate.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: the contacts, an argument, the token or the campaign is refused; no retry would help.
    :raises TingTingSourceError: the database or the storage fails, or the file changed.
    :raises TingTingAPIError: TingTing does not give the campaign; a balance that it does not give is no error.
    """

    template_fields: Sequence[str] = (
        *TingTingBaseAudienceOperator.template_fields,
        "campaign_id",
        "message",
        "sms_message",
        "credits_per_call",
        "credits_per_sms_part",
    )

    def __init__(
        self,
        *,
        campaign_id: int | str | None = None,
        message: str | None = None,
        sms_message: str | None = None,
        credits_per_call: float = 1.0,
        credits_per_sms_part: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.message = message
        self.sms_message = sms_message
        self.credits_per_call = credits_per_call
        self.credits_per_sms_part = credits_per_sms_part

    def execute(self, context: Context) -> dict[str, Any]:
        """Check everybody, and say what sending would take."""
        from airflow_provider_tingting.contacts.estimate import summary_of

        with self.fail_without_retry():
            self.check_templates()
            campaign = self._campaign(context)
            prices = self._prices()
            message, sms_message = self.message, self.sms_message
            if campaign:
                message, sms_message = campaign.message, campaign.sms_message
            with self.checked(message, sms_message, campaign=campaign) as audience:
                if campaign:
                    message, sms_message = _sent_by(campaign)
                summary = summary_of(
                    audience,
                    message=message,
                    sms_message=sms_message,
                    prices=prices,
                    remaining=self._remaining(),
                    limit=campaign.credit_limit if campaign else None,
                )
                told: dict[str, Any] = {"campaign_id": campaign.id if campaign else None, **summary}
                told["rejects_path"] = self.write_rejects(audience)
                context["ti"].xcom_push(key="summary", value=told)
                self._tell_figures(told)
                audience.raise_if_refused()
                return told

    def _campaign(self, context: Context) -> Campaign | None:
        if self.campaign_id in (None, ""):
            push_link(context, "")
            return None
        if self.message or self.sms_message:
            raise TingTingConfigError("campaign_id and a message are both given; the campaign has its own messages.")
        number = campaign_id_of(self.campaign_id)
        campaign = self.hook.get_campaign(number)
        self.push_campaign(context, number)
        return campaign

    def _prices(self) -> Prices:
        from airflow_provider_tingting.contacts.estimate import Prices

        return Prices.of(self.credits_per_call, self.credits_per_sms_part)

    def _remaining(self) -> float | None:
        try:
            return self.hook.get_dashboard().remaining_credits
        except TingTingAuthError:
            raise
        except TingTingAPIError as error:
            self.log.warning("The account's balance is not known. %s", error)
            return None

    def _tell_figures(self, told: dict[str, Any]) -> None:
        sms, credits = told["sms"], told["credits"]
        if sms:
            self.log.info("%s SMS take %s parts, at most %s each", sms["messages"], sms["parts"], sms["most_parts"])
        sent = [counted(told["calls"], "call")] if told["calls"] else []
        if sms:
            sent.append(f"{sms['messages']:,} SMS")
        self.log.info(
            "Credits for %s: about %s; the account has %s",
            " and ".join(sent) or "nobody",
            amount(credits["estimate"]),
            "an unknown number" if credits["remaining"] is None else amount(credits["remaining"]),
        )
        if credits["enough"] is False:
            self.log.warning("The credits are not enough for everybody: TingTing stops a campaign that has no more")


def _sent_by(campaign: Campaign) -> tuple[str | None, str | None]:
    """Return what the campaign sends by its services; both where it does not say."""
    services = campaign.services.upper()
    if "PHONE" not in services and "SMS" not in services:
        return campaign.message, campaign.sms_message
    return campaign.message if "PHONE" in services else None, campaign.sms_message if "SMS" in services else None
