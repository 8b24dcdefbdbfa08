"""Reports: charts, contact sheets, fonts for them, and progress bars."""
