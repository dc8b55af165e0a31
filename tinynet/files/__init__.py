"""Files that are whole or not there at all, and locks on folders."""
