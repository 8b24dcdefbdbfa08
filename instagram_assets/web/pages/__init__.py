"""The routes of HTML pages: one module per page, with the page fragments that htmx loads and refreshes."""
