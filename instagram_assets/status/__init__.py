"""What there is, what was left out and why, and what helps: the facts that the terminal and the web app show."""
