"""Automation: jobs, schedules, sensors, asset checks, alerts, and the processes of `instagram-assets dev`."""
