"""Files that are whole or not there at all, and what else a file system asks for.

whole_file.py     a half-written file never replaces a good one
file_lock.py      one process at a time in a folder
new_folder.py     a folder whose name nobody else has
regular_file.py   a pipe or a device is not opened as if it were a file
json_file.py      what stands in a file is checked before it is believed
npz_file.py       the same for arrays
tensor_file.py    the same for other programs' weights, .safetensors and .pth
"""
