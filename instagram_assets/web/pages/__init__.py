"""The routes of HTML pages: one module for each, with the page fragments that are refreshed while it is open."""
