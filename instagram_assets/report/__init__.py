"""Images and progress for people: charts, contact sheets, the font they are written in, progress bars."""
