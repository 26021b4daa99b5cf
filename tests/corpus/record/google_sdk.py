"""google-api-python-client: Gmail, Calendar, Drive and Sheets."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    return Answer.json({})


def namespace() -> Mapping[str, Any]:
    from google.oauth2.credentials import Credentials
    from googleapiclient.discovery import build

    held = Credentials(token="ya29.placeholder-000000000000")
    return {
        "gmail": build("gmail", "v1", credentials=held).users(),
        "calendar": build("calendar", "v3", credentials=held),
        "drive": build("drive", "v3", credentials=held),
        "sheets": build("sheets", "v4", credentials=held).spreadsheets(),
    }


SUITE = Suite(
    name="google",
    client="google-api-python-client",
    version=lambda: version("google-api-python-client"),
    hosts=("gmail.googleapis.com", "www.googleapis.com", "sheets.googleapis.com"),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            'gmail.messages().list(userId="me", q="is:unread", maxResults=5).execute()',
            "google_gmail_list_messages",
            {"userId": "me", "q": "is:unread", "maxResults": 5},
        ),
        case(
            'gmail.messages().get(userId="me", id="m1", format="full").execute()',
            "google_gmail_get_message",
            {"id": "m1"},
        ),
        case(
            'gmail.messages().send(userId="me", body={"raw": "SGk="}).execute()',
            "google_gmail_send_message",
            {"raw": "SGk="},
        ),
        case(
            'gmail.messages().trash(userId="me", id="m1").execute()',
            "google_gmail_trash_message",
            {"id": "m1"},
        ),
        case(
            'gmail.messages().delete(userId="me", id="m1").execute()',
            "google_gmail_delete_message",
            {"id": "m1"},
        ),
        case(
            'gmail.messages().batchDelete(userId="me", body={"ids": ["m1", "m2"]}).execute()',
            "google_gmail_delete_message_batch",
            {"ids": ["m1", "m2"]},
        ),
        case(
            'gmail.labels().list(userId="me").execute()',
            "google_gmail_list_labels",
            {"userId": "me"},
        ),
        case(
            'gmail.drafts().create(userId="me", body={"message": {"raw": "SGk="}}).execute()',
            "google_gmail_create_draft",
            {},
        ),
        case(
            'gmail.settings().filters().create(userId="me", body={"criteria": {"from": "a@example.com"}, "action": {"forward": "b@example.com"}}).execute()',
            "google_gmail_create_filter",
            {},
        ),
        case(
            'calendar.events().list(calendarId="primary", timeMin="2026-01-01T00:00:00Z", singleEvents=True).execute()',
            "google_calendar_list_events",
            {"calendarId": "primary", "singleEvents": True},
        ),
        case(
            'calendar.events().insert(calendarId="primary", body={"summary": "Lunch", "start": {"date": "2026-01-02"}, "end": {"date": "2026-01-02"}}).execute()',
            "google_calendar_create_event",
            {"summary": "Lunch"},
        ),
        case(
            'calendar.events().delete(calendarId="primary", eventId="e1", sendUpdates="all").execute()',
            "google_calendar_delete_event",
            {"eventId": "e1", "sendUpdates": "all"},
        ),
        case(
            "calendar.calendarList().list().execute()",
            "google_calendar_list_calendar_list",
            {},
        ),
        case(
            'calendar.calendars().clear(calendarId="primary").execute()',
            "google_calendar_clear_calendar",
            {"calendarId": "primary"},
        ),
        case(
            "drive.files().list(q=\"name contains 'x'\", pageSize=10).execute()",
            "google_drive_list_files",
            {"pageSize": 10},
        ),
        case(
            'drive.files().get(fileId="f1", fields="id,name").execute()',
            "google_drive_get_file",
            {"fileId": "f1"},
        ),
        case(
            'drive.files().create(body={"name": "x", "mimeType": "application/vnd.google-apps.folder"}).execute()',
            "google_drive_create_file",
            {"name": "x"},
        ),
        case(
            'drive.files().delete(fileId="f1").execute()',
            "google_drive_delete_file",
            {"fileId": "f1"},
        ),
        case(
            "drive.files().emptyTrash().execute()",
            "google_drive_empty_file_trash",
            {},
        ),
        case(
            'drive.permissions().create(fileId="f1", body={"role": "reader", "type": "anyone"}).execute()',
            "google_drive_create_permission",
            {"role": "reader", "type": "anyone"},
        ),
        case(
            'sheets.get(spreadsheetId="s1").execute()',
            "google_sheets_get_spreadsheet",
            {"spreadsheetId": "s1"},
        ),
        case(
            'sheets.values().get(spreadsheetId="s1", range="A1:B2").execute()',
            "google_sheets_get_value",
            {"range": "A1:B2"},
        ),
        case(
            'sheets.values().update(spreadsheetId="s1", range="A1", valueInputOption="RAW", body={"values": [[1]]}).execute()',
            "google_sheets_update_value",
            {"valueInputOption": "RAW"},
        ),
        case(
            'sheets.values().clear(spreadsheetId="s1", range="A1:B2").execute()',
            "google_sheets_clear_value",
            {"range": "A1:B2"},
        ),
        case(
            'sheets.batchUpdate(spreadsheetId="s1", body={"requests": [{"deleteSheet": {"sheetId": 1}}]}).execute()',
            "google_sheets_update_spreadsheet_batch",
            {"spreadsheetId": "s1"},
        ),
    ),
)
