"""Telling somebody, by phone or SMS, that something has happened: once, however often it happens. No Airflow.

`TingTingNotifier` is the door to this room.
"""
