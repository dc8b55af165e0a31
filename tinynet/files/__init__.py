"""Files that are whole or not there at all (`whole_file.py`); locks on folders (`file_lock.py`)."""
