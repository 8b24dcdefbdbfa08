"""An invented export, the pictures it points to, and the small server that hands them out."""
